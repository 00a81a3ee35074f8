-- How leases are made: a role for each session, by functions that the broker may call and that can do nothing else. They
-- belong to a role that can create roles and that nobody can log in as; the broker itself has no attribute at all.
-- The same on PostgreSQL 15 and later.
CREATE SCHEMA IF NOT EXISTS chaperone;
ALTER SCHEMA chaperone OWNER TO pgchaperone_owner;
REVOKE ALL ON SCHEMA chaperone FROM PUBLIC;

-- The capability roles that a lease may be given.
CREATE TABLE IF NOT EXISTS chaperone.capabilities (
  role name PRIMARY KEY
);
-- The leases that there are: from before their role can log in until after it is gone.
CREATE TABLE IF NOT EXISTS chaperone.leases (
  role name PRIMARY KEY,
  instance text NOT NULL,         -- of pgchaperone, as in the role's name
  opened timestamptz NOT NULL DEFAULT now(),
  assigned timestamptz,           -- NULL: made ahead of time, without capabilities and without login
  expires timestamptz NOT NULL,   -- from then on it is anybody's to remove
  parameters jsonb NOT NULL DEFAULT '{}'  -- of the policy, with the values of this session
);
-- The policies of row-level security that were made for `enforce: rls`, so that it can be told whether somebody has altered
-- one: a digest of the condition that was asked for, and the condition as PostgreSQL prints it.
CREATE TABLE IF NOT EXISTS chaperone.row_policies (
  relation regclass NOT NULL,
  policy name NOT NULL,
  digest text NOT NULL,
  printed text NOT NULL,
  PRIMARY KEY (relation, policy)
);
ALTER TABLE chaperone.capabilities OWNER TO pgchaperone_owner;
ALTER TABLE chaperone.leases OWNER TO pgchaperone_owner;
ALTER TABLE chaperone.row_policies OWNER TO pgchaperone_owner;
REVOKE ALL ON chaperone.capabilities, chaperone.leases, chaperone.row_policies FROM PUBLIC;

-- Makes a role that can't log in yet and may do nothing.
CREATE OR REPLACE FUNCTION chaperone.open(lease text, ttl interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF lease IS NULL OR lease !~ '^agp_[a-z0-9-]{1,32}_[a-z2-7]{16}$' THEN
    RAISE EXCEPTION 'a lease is named agp_<instance>_<16 random characters>' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF ttl IS NULL OR now() + ttl <= now() OR now() + ttl > now() + interval '1 hour' THEN
    RAISE EXCEPTION 'a lease lives for at most an hour' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT'
                 ' CONNECTION LIMIT 1 ROLE pgchaperone_owner', lease);
  INSERT INTO chaperone.leases (role, instance, expires)
  VALUES (lease, substring(lease FROM '^agp_(.*)_[a-z2-7]{16}$'), now() + ttl);
END
$function$;

-- Gives it capabilities, and a login for a minute. Takes a SCRAM verifier, never a password.
CREATE OR REPLACE FUNCTION chaperone.assign(lease text, verifier text, ttl interval, capabilities text[],
                                            parameters jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  capability text;
  options constant text := CASE WHEN current_setting('server_version_num')::integer >= 160000
                                THEN ' WITH INHERIT TRUE, SET FALSE' ELSE '' END;
BEGIN
  IF ttl IS NULL OR now() + ttl <= now() OR now() + ttl > now() + interval '1 hour' THEN
    RAISE EXCEPTION 'a lease lives for at most an hour' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF verifier IS NULL
     OR verifier !~ '^SCRAM-SHA-256\$[1-9][0-9]{0,6}:[A-Za-z0-9+/]{22,86}={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$' THEN
    RAISE EXCEPTION 'a lease is given a SCRAM-SHA-256 verifier' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  UPDATE chaperone.leases AS l
  SET assigned = now(), expires = now() + ttl, parameters = coalesce(assign.parameters, '{}')
  WHERE l.role = lease AND l.assigned IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no lease of this name is there to be assigned' USING ERRCODE = 'undefined_object';
  END IF;
  EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L VALID UNTIL %L', lease, verifier,
                 least(now() + ttl, now() + interval '1 minute'));
  FOREACH capability IN ARRAY coalesce(capabilities, '{}') LOOP
    IF NOT EXISTS (SELECT FROM chaperone.capabilities AS c WHERE c.role = capability) THEN
      RAISE EXCEPTION 'no capability role of this name' USING ERRCODE = 'undefined_object', DETAIL = capability,
        HINT = 'Run what "pgchaperone broker sql" prints for the policy in force.';
    END IF;
    EXECUTE format('GRANT %I TO %I', capability, lease) || options;
  END LOOP;
END
$function$;

-- The session is there: nobody else can log in with it any more. A session that changes its own role can hold this up: no
-- function here waits for one.
CREATE OR REPLACE FUNCTION chaperone.seal(lease text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  PERFORM set_config('lock_timeout', '50ms', true);
  IF EXISTS (SELECT FROM chaperone.leases AS l WHERE l.role = lease) THEN
    EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', lease);
  END IF;
END
$function$;

-- What is connected ends, and no login any more. To be committed before drop().
CREATE OR REPLACE FUNCTION chaperone.shut(leases text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  lease name;
BEGIN
  PERFORM set_config('lock_timeout', '50ms', true);
  PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity AS a JOIN chaperone.leases AS l ON l.role = a.usename
  WHERE a.usename = ANY (leases);
  FOR lease IN SELECT r.rolname FROM pg_roles AS r JOIN chaperone.leases AS l ON l.role = r.rolname
               WHERE r.rolname = ANY (leases) LOOP
    BEGIN
      EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', lease);
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING 'lease role % can not be shut yet: %', lease, sqlerrm;
    END;
  END LOOP;
  -- Who came in between.
  PERFORM pg_stat_clear_snapshot();
  PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity AS a JOIN chaperone.leases AS l ON l.role = a.usename
  WHERE a.usename = ANY (leases);
END
$function$;

-- Removes what has been shut. Gives the names of those that are gone, whoever removed them. What can't be removed yet
-- stays and holds nobody else up: one with a session that has not ended, or that owns something in another database, or
-- more large objects than go at once.
CREATE OR REPLACE FUNCTION chaperone.drop(leases text[]) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  lease name;
  id oid;
BEGIN
  PERFORM set_config('lock_timeout', '50ms', true);
  RETURN QUERY SELECT asked.role FROM unnest(leases) AS asked (role)
               WHERE NOT EXISTS (SELECT FROM chaperone.leases AS l WHERE l.role = asked.role);
  FOR lease, id IN SELECT l.role, r.oid FROM chaperone.leases AS l LEFT JOIN pg_roles AS r ON r.rolname = l.role
                   WHERE l.role = ANY (leases) LOOP
    PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity AS a WHERE a.usesysid = id;
    CONTINUE WHEN FOUND;
    BEGIN
      IF id IS NOT NULL THEN
        -- Where PUBLIC may not unlink them, it should not have been able to make them either.
        IF has_function_privilege('lo_unlink(oid)', 'EXECUTE')
           AND EXISTS (SELECT FROM pg_largeobject_metadata AS m WHERE m.lomowner = id) THEN
          PERFORM lo_unlink(own.oid)
          FROM (SELECT m.oid FROM pg_largeobject_metadata AS m WHERE m.lomowner = id LIMIT 500) AS own;
          CONTINUE WHEN EXISTS (SELECT FROM pg_largeobject_metadata AS m WHERE m.lomowner = id);
        END IF;
        IF EXISTS (SELECT FROM pg_shdepend AS d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = id) THEN
          EXECUTE format('DROP OWNED BY %I', lease);
        END IF;
        EXECUTE format('DROP ROLE %I', lease);
      END IF;
      DELETE FROM chaperone.leases AS l WHERE l.role = lease;
      RETURN NEXT lease;
    EXCEPTION WHEN OTHERS THEN
      RAISE WARNING 'lease role % can not be dropped yet: %', lease, sqlerrm;
    END;
  END LOOP;
END
$function$;

-- What is left of those who are gone: all of this instance, which asks when it knows that it is alone, and of any
-- instance what has expired.
CREATE OR REPLACE FUNCTION chaperone.orphans(mine text) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
  SELECT l.role FROM chaperone.leases AS l WHERE l.instance = mine OR l.expires < now() - interval '1 minute'
  ORDER BY l.opened
$function$;

-- Whether this connection is the only one that speaks for an instance; it stays so until the connection ends. A lease has
-- no business with that lock: the session of one that holds it, or waits for it, ends.
CREATE OR REPLACE FUNCTION chaperone.hold(instance text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
  SELECT pg_terminate_backend(k.pid)
  FROM pg_locks AS k JOIN pg_stat_activity AS a USING (pid) JOIN chaperone.leases AS l ON l.role = a.usename
  WHERE k.locktype = 'advisory' AND k.objsubid = 2
    AND k.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    AND k.classid::bigint = (hashtext('pgchaperone')::bigint & 4294967295)
    AND k.objid::bigint = (hashtext(instance)::bigint & 4294967295);
  SELECT pg_try_advisory_lock(hashtext('pgchaperone'), hashtext(instance))
$function$;

-- The value of a parameter of the policy in the session that asks, for policies of row-level security.
CREATE OR REPLACE FUNCTION chaperone.lease_parameter(parameter text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
  SELECT l.parameters ->> parameter FROM chaperone.leases AS l WHERE l.role = session_user
$function$;

ALTER FUNCTION chaperone.open(text, interval) OWNER TO pgchaperone_owner;
ALTER FUNCTION chaperone.assign(text, text, interval, text[], jsonb) OWNER TO pgchaperone_owner;
ALTER FUNCTION chaperone.seal(text) OWNER TO pgchaperone_owner;
ALTER FUNCTION chaperone.shut(text[]) OWNER TO pgchaperone_owner;
ALTER FUNCTION chaperone.drop(text[]) OWNER TO pgchaperone_owner;
ALTER FUNCTION chaperone.orphans(text) OWNER TO pgchaperone_owner;
ALTER FUNCTION chaperone.hold(text) OWNER TO pgchaperone_owner;
ALTER FUNCTION chaperone.lease_parameter(text) OWNER TO pgchaperone_owner;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chaperone FROM PUBLIC;
-- A policy of row-level security is evaluated as the lease role; without USAGE on the schema nobody can name it.
GRANT EXECUTE ON FUNCTION chaperone.lease_parameter(text) TO PUBLIC;
