DO $leases$
DECLARE
  lease name;
BEGIN
  IF EXISTS (SELECT FROM chaperone.leases AS l LEFT JOIN pg_stat_activity AS a ON a.usename = l.role
             WHERE l.expires > now() OR a.pid IS NOT NULL) THEN
    RAISE EXCEPTION 'there are leases that live: %',
      (SELECT count(*) FROM chaperone.leases AS l LEFT JOIN pg_stat_activity AS a ON a.usename = l.role
       WHERE l.expires > now() OR a.pid IS NOT NULL)
      USING HINT = 'Stop each pgchaperone that uses this database; what it leaves behind expires within the hour.';
  END IF;
  -- Those that were left behind. DROP OWNED goes by database; a role that owns something in another one stays.
  FOR lease IN SELECT l.role FROM chaperone.leases AS l JOIN pg_roles AS r ON r.rolname = l.role LOOP
    EXECUTE format('DROP OWNED BY %I', lease);
    PERFORM pg_temp.drop_role(lease);
  END LOOP;
END
$leases$;

DO $drop$
DECLARE
  broker constant name := current_setting('chaperone_setup.broker');
  capabilities constant name[] := ARRAY(SELECT role FROM chaperone.capabilities ORDER BY role);
  role name;
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = broker)
     AND NOT has_schema_privilege(broker, 'chaperone', 'USAGE') THEN
    RAISE EXCEPTION 'the role % is not the broker of this database', broker
      USING HINT = 'It would be dropped: name the one in the configuration that was given to the setup.';
  END IF;
  PERFORM pg_temp.forget_rows('{}');
  FOREACH role IN ARRAY capabilities LOOP
    PERFORM pg_temp.take_back(role);
  END LOOP;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = broker) THEN
    PERFORM pg_temp.take_back(broker);
  END IF;
  -- The schema, its tables and functions. Nothing of others goes with them: what uses them has to go first.
  DROP TABLE chaperone.leases, chaperone.capabilities, chaperone.row_policies;
  DROP FUNCTION chaperone.open, chaperone.assign, chaperone.seal, chaperone.shut, chaperone.drop, chaperone.orphans,
    chaperone.hold, chaperone.lease_parameter;
  DROP SCHEMA chaperone;
  PERFORM pg_temp.take_back('pgchaperone_owner');
  FOREACH role IN ARRAY capabilities || broker || name 'pgchaperone_owner' LOOP
    PERFORM pg_temp.drop_role(role);
  END LOOP;
END
$drop$;
