DO $roles$
DECLARE
  broker constant name := current_setting('chaperone_setup.broker');
  r record;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pgchaperone_owner') THEN
    CREATE ROLE pgchaperone_owner NOLOGIN CREATEROLE;
  END IF;
  SELECT * INTO r FROM pg_roles WHERE rolname = 'pgchaperone_owner';
  IF NOT r.rolcreaterole OR NOT r.rolinherit OR r.rolcanlogin OR r.rolsuper OR r.rolcreatedb OR r.rolreplication
     OR r.rolbypassrls THEN
    RAISE EXCEPTION 'the role pgchaperone_owner is there already and is not what it should be'
      USING HINT = 'It takes CREATEROLE INHERIT and nothing else, NOLOGIN above all.';
  END IF;
  -- What somebody else put there would run with the rights of whoever runs this.
  IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'chaperone' AND nspowner <> r.oid) THEN
    RAISE EXCEPTION 'there is a schema chaperone already, which does not belong to pgchaperone_owner'
      USING HINT = 'Find out whose it is, and rename or drop it.';
  END IF;

  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = broker) THEN
    EXECUTE format('CREATE ROLE %I LOGIN', broker);
  ELSIF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'chaperone' AND has_schema_privilege(broker, oid, 'USAGE'))
        AND EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = broker::regrole
                    AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN
    -- All its privileges would be taken back.
    RAISE EXCEPTION 'the role % is there already, is no broker yet, and owns or may do something in this database', broker
      USING HINT = 'A broker is for nothing else: name another one in the configuration.';
  END IF;
  SELECT * INTO r FROM pg_roles WHERE rolname = broker;
  IF NOT r.rolcanlogin OR r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
     OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) THEN
    RAISE EXCEPTION 'the role % is there already and is more than a login', broker
      USING HINT = 'A broker has no attribute but LOGIN and is a member of nothing: name another one in the configuration.';
  END IF;
END
$roles$;
