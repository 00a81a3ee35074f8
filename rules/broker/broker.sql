DO $broker$
DECLARE
  broker constant name := current_setting('chaperone_setup.broker');
  other name;
BEGIN
  -- One that the configuration named before may not go on.
  FOR other IN SELECT DISTINCT r.rolname FROM pg_namespace AS n, aclexplode(n.nspacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
               WHERE n.nspname = 'chaperone' AND r.rolname NOT IN ('pgchaperone_owner', broker) LOOP
    RAISE WARNING 'role % may not make leases any more', other;
    EXECUTE format('REVOKE ALL ON SCHEMA chaperone FROM %I', other);
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chaperone FROM %I', other);
  END LOOP;
  PERFORM pg_temp.take_back(broker);
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), broker);
  EXECUTE format('GRANT USAGE ON SCHEMA chaperone TO %I', broker);
  EXECUTE format('GRANT EXECUTE ON FUNCTION chaperone.open(text, interval), chaperone.assign(text, text, interval, text[], jsonb),'
                 ' chaperone.seal(text), chaperone.shut(text[]), chaperone.drop(text[]), chaperone.orphans(text),'
                 ' chaperone.hold(text) TO %I', broker);
END
$broker$;
