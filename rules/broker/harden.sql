
-- 1. Temporary objects.
-- Risk: whoever got past the proxy could make a table or view in pg_temp that hides one of the same name, or fill the disk.
-- Breaks: applications that make temporary tables and have TEMP from PUBLIC; grant it to their roles.
REVOKE TEMPORARY ON DATABASE :"DBNAME" FROM PUBLIC;

-- 2. CREATE in schema public, which PUBLIC has in databases that are older than PostgreSQL 15.
-- Risk: objects in front of those that others mean; a lease that owns something can't be dropped at once.
-- Breaks: applications that make tables in public and are not its owner; grant it to their roles.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- 3. Large objects.
-- Risk: room on the disk that no table shows, and any large object whose number is known and that PUBLIC may read.
-- Breaks: applications that use large objects; grant the functions to their roles. pg_dump as a superuser goes on.
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), lo_open(oid, integer),
  lo_close(integer), lo_unlink(oid), lo_lseek(integer, integer, integer), lo_lseek64(integer, bigint, integer),
  lo_tell(integer), lo_tell64(integer), lo_truncate(integer, integer), lo_truncate64(integer, bigint),
  loread(integer, integer), lowrite(integer, bytea), lo_get(oid), lo_get(oid, bigint, integer), lo_put(oid, bigint, bytea)
  FROM PUBLIC;

-- 4. Advisory locks.
-- Risk: a lease can take, and keep, the locks that jobs, migrations and pgchaperone itself wait for.
-- Breaks: migration tools and job queues that have them from PUBLIC (Flyway, Rails, Prisma, Oban ..); grant the functions
-- to their roles. Those of leases.hold() stay: they run as pgchaperone_owner, which is granted them here.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure) FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_(try_)?advisory_' AND prokind = 'f' \gexec
SELECT format('GRANT EXECUTE ON FUNCTION %s TO pgchaperone_owner', oid::regprocedure) FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = 'pg_try_advisory_lock' \gexec

-- 5. Notifications.
-- Risk: a message to whoever listens, and a queue that one session which never ends lets fill up. NOTIFY itself takes no
-- privilege: this closes pg_notify() alone.
-- Breaks: applications that call pg_notify(), also in triggers that are not SECURITY DEFINER; grant it to their roles.
REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC;

-- 6. SQL that hides in text, and plans of what others may not read.
-- Risk: query_to_xml() and its like run the SQL that they are given, as the caller: nothing that he could not run himself,
-- but no text that a proxy reads shows it.
-- Breaks: hardly anything.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure) FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
  AND proname ~ '^(query|cursor|table|schema|database)_to_xml' AND prokind = 'f' \gexec

-- 7. dblink and foreign servers, where they are there.
-- Risk: connections from this server to others, past every proxy.
-- Breaks: roles that use dblink and have it from PUBLIC; grant the functions to them.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure) FROM pg_proc AS p
JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON e.oid = d.refobjid
WHERE e.extname = 'dblink' AND p.proname ~ '^dblink' \gexec
SELECT format('REVOKE USAGE ON FOREIGN SERVER %I FROM PUBLIC', srvname) FROM pg_foreign_server
WHERE EXISTS (SELECT FROM aclexplode(srvacl) AS a WHERE a.grantee = 0) \gexec

-- 8. Functions of the database that run with their owner's rights and that PUBLIC may execute.
-- Risk: each is a way past the grants of whoever calls it. Read them first; what a policy names is granted by name.
-- Breaks: whoever calls one and has it from PUBLIC; grant it to their roles.
SELECT format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', p.oid::regprocedure) FROM pg_proc AS p
WHERE p.prosecdef AND p.pronamespace::regnamespace::text !~ '^(pg_|information_schema$|chaperone$)'
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a WHERE a.grantee = 0) \gexec

-- 9. The other databases of this cluster. Only said, since it shuts out whoever has CONNECT from PUBLIC there: a lease role
-- that got past the proxy could connect to them and try what PUBLIC may do. pg_hba.conf is the better place:
--   reject lease roles (+ the capability roles) for every database but this one.
-- To take it away all the same, grant CONNECT to the roles of each application first, then run what this prints.
SELECT format('GRANT CONNECT ON DATABASE %I TO ..; REVOKE CONNECT ON DATABASE %I FROM PUBLIC;', datname, datname)
  AS "not run: the other databases that PUBLIC may connect to"
FROM pg_database
WHERE datallowconn AND datname <> current_database()
  AND EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) AS a WHERE a.grantee = 0 AND a.privilege_type = 'CONNECT');
