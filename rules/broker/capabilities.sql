DO $capabilities$
DECLARE
  named constant name[] := current_setting('chaperone_setup.capabilities');
  -- What the owner may do with them: hand them out, not use them. Before 16 that can't be told apart.
  options constant text := CASE WHEN current_setting('server_version_num')::integer >= 160000
                                THEN 'ADMIN TRUE, INHERIT FALSE, SET FALSE' ELSE 'ADMIN OPTION' END;
  capability name;
  r record;
  owned record;
BEGIN
  FOREACH capability IN ARRAY named LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = capability) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', capability);
    END IF;
    SELECT * INTO r FROM pg_roles WHERE rolname = capability;
    IF r.rolcanlogin OR r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
       OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) THEN
      RAISE EXCEPTION 'the role % is there already, and has an attribute or is a member of another role', capability
        USING HINT = 'A capability role holds the privileges of its capability and nothing else.';
    END IF;
    -- Before 16 a lease can become its capability's role and make something in its name.
    SELECT count(*) AS number, bool_and(e.classid = 'pg_largeobject'::regclass AND e.here) AS large_objects,
      string_agg(e.what, ', ' ORDER BY e.what) FILTER (WHERE e.place <= 5) AS named INTO owned
    FROM (SELECT d.classid, b.oid IS NULL OR b.datname = current_database() AS here, row_number() OVER () AS place,
            CASE WHEN b.oid IS NULL OR b.datname = current_database() THEN pg_describe_object(d.classid, d.objid, 0)
                 ELSE format('something in database %I', b.datname) END AS what
          FROM pg_shdepend AS d LEFT JOIN pg_database AS b ON b.oid = d.dbid
          WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o') AS e;
    IF owned.number > 0 THEN
      RAISE EXCEPTION 'the role % owns %', capability, owned.named || CASE WHEN owned.number > 5 THEN format(' and %s more', owned.number - 5) ELSE '' END
        USING DETAIL = 'A capability role owns nothing: somebody made or gave it in its name.',
          HINT = CASE WHEN owned.large_objects
            THEN format('Remove it, as often as there is some: SELECT count(lo_unlink(oid)) FROM (SELECT oid FROM pg_largeobject_metadata'
                        ' WHERE lomowner = %L::regrole LIMIT 500) AS own;', quote_ident(capability))
            ELSE format('Give it to a role that nobody is, and look at it before it gets another owner: CREATE ROLE %2$I;'
                        ' REASSIGN OWNED BY %1$I TO %2$I;', capability, left('left_by_' || capability, 63)) END;
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
