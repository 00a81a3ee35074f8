-- Tools of this session alone.
CREATE OR REPLACE FUNCTION pg_temp.take_back(role name) RETURNS void LANGUAGE plpgsql AS $function$
-- Takes from a role what it was granted in this database, and CONNECT on it.
DECLARE
  here constant oid := (SELECT oid FROM pg_database WHERE datname = current_database());
  d record;
  what text;
BEGIN
  FOR d IN SELECT DISTINCT s.classid, s.objid FROM pg_shdepend AS s JOIN pg_roles AS r ON r.oid = s.refobjid
           WHERE s.refclassid = 'pg_authid'::regclass AND r.rolname = role AND s.deptype = 'a'
             AND (s.dbid = here OR (s.classid = 'pg_database'::regclass AND s.objid = here))
           ORDER BY s.classid, s.objid LOOP
    what := CASE d.classid
      WHEN 'pg_class'::regclass THEN
        CASE WHEN (SELECT relkind FROM pg_class WHERE oid = d.objid) = 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END
        || d.objid::regclass::text
      WHEN 'pg_proc'::regclass THEN 'ROUTINE ' || d.objid::regprocedure::text
      WHEN 'pg_namespace'::regclass THEN 'SCHEMA ' || d.objid::regnamespace::text
      WHEN 'pg_database'::regclass THEN 'DATABASE ' || quote_ident(current_database())
    END;
    IF what IS NULL THEN
      RAISE WARNING 'role % keeps what somebody else gave it on %', role, pg_describe_object(d.classid, d.objid, 0);
    ELSE
      EXECUTE format('REVOKE ALL ON %s FROM %I', what, role);
    END IF;
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
           ORDER BY polrelid, polname LOOP
    EXECUTE format('DROP POLICY %I ON %s', p.polname, p.tab);
  END LOOP;
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
