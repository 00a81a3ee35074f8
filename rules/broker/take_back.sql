-- Tools of this session alone.
CREATE OR REPLACE FUNCTION pg_temp.granted(role name)
RETURNS TABLE (object text, grantor name, owner oid, privileges text) LANGUAGE sql AS $function$
-- What a role was granted in this database, and CONNECT on it: the object as GRANT names it, who granted it, whose it is.
  SELECT o.sql, g.rolname, o.owner,
    string_agg(x.privilege_type || o.columns, ', ' ORDER BY x.privilege_type, o.columns)
  FROM (
    SELECT relacl AS acl, relowner AS owner, '' AS columns,
      CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || oid::regclass AS sql FROM pg_class
    UNION ALL SELECT a.attacl, c.relowner, format(' (%I)', a.attname), 'TABLE ' || c.oid::regclass
      FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid WHERE NOT a.attisdropped
    UNION ALL SELECT proacl, proowner, '', 'ROUTINE ' || oid::regprocedure FROM pg_proc
    UNION ALL SELECT nspacl, nspowner, '', 'SCHEMA ' || oid::regnamespace FROM pg_namespace
    UNION ALL SELECT datacl, datdba, '', format('DATABASE %I', datname) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT typacl, typowner, '', 'TYPE ' || oid::regtype FROM pg_type
    UNION ALL SELECT lanacl, lanowner, '', format('LANGUAGE %I', lanname) FROM pg_language
    UNION ALL SELECT fdwacl, fdwowner, '', format('FOREIGN DATA WRAPPER %I', fdwname) FROM pg_foreign_data_wrapper
    UNION ALL SELECT srvacl, srvowner, '', format('FOREIGN SERVER %I', srvname) FROM pg_foreign_server
    UNION ALL SELECT lomacl, lomowner, '', format('LARGE OBJECT %s', oid) FROM pg_largeobject_metadata
    UNION ALL SELECT spcacl, spcowner, '', format('TABLESPACE %I', spcname) FROM pg_tablespace
    UNION ALL SELECT paracl, 10, '', format('PARAMETER %s', parname) FROM pg_parameter_acl
  ) AS o CROSS JOIN LATERAL aclexplode(o.acl) AS x
  JOIN pg_roles AS r ON r.oid = x.grantee JOIN pg_roles AS g ON g.oid = x.grantor
  WHERE r.rolname = granted.role AND x.grantee <> o.owner
  GROUP BY 1, 2, 3 ORDER BY 1, 2
$function$;

CREATE OR REPLACE FUNCTION pg_temp.take_back(role name) RETURNS void LANGUAGE plpgsql AS $function$
-- Takes all of it from a role, and from whoever has it from there. A REVOKE takes back what its own role granted, and that
-- of a superuser what the owner did: what another one granted is taken back in the name of that one.
DECLARE
  self constant text := current_setting('role');
  g record;
BEGIN
  FOR g IN SELECT * FROM pg_temp.granted(role) LOOP
    BEGIN
      IF g.grantor <> pg_get_userbyid(g.owner) THEN
        PERFORM set_config('role', g.grantor, true);
      END IF;
      EXECUTE format('REVOKE %s ON %s FROM %I CASCADE', g.privileges, g.object, role);
    EXCEPTION WHEN OTHERS THEN
      NULL;  -- one who may not name it any more, or that has no name of its own; told below
    END;
    PERFORM set_config('role', self, true);
  END LOOP;
  FOR g IN SELECT * FROM pg_temp.granted(role) LOOP
    RAISE WARNING 'role % keeps % on %, which role % granted', role, g.privileges, g.object, g.grantor
      USING DETAIL = 'A REVOKE of a superuser counts as the owner''s, and others need USAGE on the schema for one.',
        HINT = (SELECT format(CASE WHEN rolsuper THEN 'BEGIN; ALTER ROLE %1$I NOSUPERUSER; SET ROLE %1$I; %2$s; RESET ROLE; ALTER ROLE %1$I SUPERUSER; COMMIT;'
                                   ELSE 'SET ROLE %1$I; %2$s; RESET ROLE;' END,
                              rolname, format('REVOKE %s ON %s FROM %I CASCADE', g.privileges, g.object, role))
                FROM pg_roles WHERE rolname = g.grantor);
  END LOOP;
  FOR g IN SELECT pg_describe_object(s.classid, s.objid, 0) AS what
           FROM pg_shdepend AS s JOIN pg_roles AS r ON r.oid = s.refobjid
           WHERE s.refclassid = 'pg_authid'::regclass AND r.rolname = role AND s.classid = 'pg_default_acl'::regclass
             AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) LOOP
    RAISE WARNING 'role % is given more by %', role, g.what
      USING HINT = 'ALTER DEFAULT PRIVILEGES .. REVOKE .. takes it away; "pgchaperone doctor" prints it whole.';
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION pg_temp.drop_role(role name) RETURNS void LANGUAGE plpgsql AS $function$
-- A role that another database of this cluster still uses stays.
BEGIN
  EXECUTE format('DROP ROLE IF EXISTS %I', role);
EXCEPTION WHEN dependent_objects_still_exist THEN
  RAISE WARNING 'role % stays: something in this cluster still depends on it, as another database that it is used in', role;
END
$function$;

CREATE OR REPLACE FUNCTION pg_temp.forget_rows(kept regclass[]) RETURNS void LANGUAGE plpgsql AS $function$
-- Drops our policies of row-level security; switches it off where we had switched it on and it is not kept.
DECLARE
  roles constant oid[] := ARRAY(SELECT r.oid FROM pg_roles AS r JOIN chaperone.capabilities AS c ON c.role = r.rolname);
  p record;
BEGIN
  FOR p IN SELECT polname, polrelid::regclass AS tab FROM pg_policy
           WHERE starts_with(polname, 'chaperone_') AND polname <> 'chaperone_others' AND polroles <@ roles
              OR EXISTS (SELECT FROM chaperone.row_policies AS m WHERE m.relation = polrelid AND m.policy = polname)
           ORDER BY polrelid, polname LOOP
    EXECUTE format('DROP POLICY %I ON %s', p.polname, p.tab);
  END LOOP;
  DELETE FROM chaperone.row_policies;
  FOR p IN SELECT o.polrelid::regclass AS tab,
             EXISTS (SELECT FROM pg_policy AS f WHERE f.polrelid = o.polrelid AND f.polname <> o.polname) AS shared
           FROM pg_policy AS o WHERE o.polname = 'chaperone_others' AND NOT o.polrelid = ANY (kept) LOOP
    IF p.shared THEN
      RAISE WARNING 'row-level security of % stays on, with the policy chaperone_others: there are policies of others by now',
        p.tab;
    ELSE
      EXECUTE format('DROP POLICY chaperone_others ON %s', p.tab);
      EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', p.tab);
    END IF;
  END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION pg_temp.secure_rows(tab regclass) RETURNS void LANGUAGE plpgsql AS $function$
-- Switches row-level security on, so that nothing changes for the roles that are there.
BEGIN
  IF (SELECT relrowsecurity FROM pg_class WHERE oid = tab) THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM pg_policy WHERE polrelid = tab AND polname <> 'chaperone_others') THEN
    RAISE EXCEPTION '% has policies of row-level security that are switched off', tab
      USING HINT = 'Switching it on would set them in force for everybody: do so yourself, or drop them.';
  END IF;
  EXECUTE format('DROP POLICY IF EXISTS chaperone_others ON %s', tab);
  EXECUTE format('CREATE POLICY chaperone_others ON %s USING (true) WITH CHECK (true)', tab);
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tab);
END
$function$;

CREATE OR REPLACE FUNCTION pg_temp.remember_policy(tab regclass, policy name, digest text) RETURNS void LANGUAGE plpgsql
-- How a condition is printed depends on these; doctor has the same.
SET quote_all_identifiers = off SET DateStyle = 'ISO, MDY' SET IntervalStyle = postgres SET TimeZone = 'UTC'
SET extra_float_digits = 1 SET bytea_output = hex SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  INSERT INTO chaperone.row_policies
  SELECT p.polrelid, p.polname, digest,
    format('USING (%s) WITH CHECK (%s)', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  FROM pg_policy AS p WHERE p.polrelid = tab AND p.polname = policy;
END
$function$;
