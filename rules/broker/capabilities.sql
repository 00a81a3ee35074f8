DO $capabilities$
DECLARE
  named constant name[] := current_setting('chaperone_setup.capabilities');
  -- What the owner may do with them: hand them out, not use them. Before 16 that can't be told apart.
  options constant text := CASE WHEN current_setting('server_version_num')::integer >= 160000
                                THEN 'ADMIN TRUE, INHERIT FALSE, SET FALSE' ELSE 'ADMIN OPTION' END;
  capability name;
  r record;
BEGIN
  FOREACH capability IN ARRAY named LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = capability) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', capability);
    END IF;
    SELECT * INTO r FROM pg_roles WHERE rolname = capability;
    IF r.rolcanlogin OR r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
       OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid)
       OR EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o') THEN
      RAISE EXCEPTION 'the role % is there already, and has an attribute, is a member of another role or owns something', capability
        USING HINT = 'A capability role holds the privileges of its capability and nothing else.';
    END IF;
    EXECUTE format('GRANT %I TO pgchaperone_owner WITH ', capability) || options;
    INSERT INTO chaperone.capabilities (role) VALUES (capability) ON CONFLICT DO NOTHING;
  END LOOP;
  -- What they hold is given anew below; capabilities that are not in the policy any more go.
  FOR capability IN SELECT role FROM chaperone.capabilities ORDER BY role LOOP
    PERFORM pg_temp.take_back(capability);
  END LOOP;
  PERFORM pg_temp.forget_rows(current_setting('chaperone_setup.row_security')::regclass[]);
  FOR capability IN DELETE FROM chaperone.capabilities WHERE role <> ALL (named) RETURNING role LOOP
    RAISE WARNING 'the capability role % is not in the policy any more, and goes', capability;
    PERFORM pg_temp.drop_role(capability);
  END LOOP;
END
$capabilities$;
