-- What only a superuser may look at. Rows as in broker.sql.

SELECT 'hba-trust', 'danger', format('pg_hba.conf line %s', h.line_number),
  format('It lets %s in without any proof%s.', CASE WHEN h.user_name = '{all}' THEN 'every role' ELSE array_to_string(h.user_name, ', ') END,
    CASE WHEN h.type = 'local' THEN ', over the Unix socket' ELSE format(', from %s', concat_ws('/', h.address, h.netmask)) END),
  concat_ws(' ', h.type, array_to_string(h.database, ','), array_to_string(h.user_name, ','), h.address, h.netmask, 'scram-sha-256')
FROM pg_hba_file_rules h WHERE h.auth_method = 'trust'
ORDER BY h.line_number;

SELECT 'hba-weak', 'warning', format('pg_hba.conf line %s', h.line_number),
  CASE h.auth_method WHEN 'password' THEN 'It asks for passwords in clear.'
    WHEN 'ident' THEN 'It believes what the other machine says about its users.'
    ELSE 'It takes passwords kept as MD5 hashes, which are as good as the password to whoever reads one.' END,
  concat_ws(' ', h.type, array_to_string(h.database, ','), array_to_string(h.user_name, ','), h.address, h.netmask, 'scram-sha-256')
FROM pg_hba_file_rules h WHERE h.auth_method IN ('password', 'md5', 'ident')
ORDER BY h.line_number;

-- Lines that let lease roles, or the broker, in from other machines than this one. Which of them is pgchaperone's the line
-- has to say.
WITH asked AS (SELECT current_setting('pgchaperone.doctor')::json AS j)
SELECT 'hba-open-to-leases', 'warning', format('pg_hba.conf line %s', h.line_number),
  format('It lets lease roles in from %s, so that a lease that gets out can be used from there, past pgchaperone.',
    CASE WHEN h.address IN ('all', '0.0.0.0', '::') THEN 'every address' ELSE concat_ws('/', h.address, h.netmask) END),
  concat_ws(E'\n',
    (SELECT string_agg(format('host all +"%s" %s reject', s.role, concat_ws(' ', h.address, h.netmask)), E'\n') FROM json_array_elements_text(j->'subjects') s (role)),
    format('-- above line %s, behind a line for the address of pgchaperone itself', h.line_number))
FROM asked, pg_hba_file_rules h
WHERE (j->>'leases')::bool AND h.type <> 'local' AND h.auth_method NOT IN ('reject', 'cert')
  AND ('all' = ANY (h.user_name) OR EXISTS (SELECT FROM unnest(h.user_name) u WHERE u ~ '^(agp_|/|\+agc_)'))
  AND ('all' = ANY (h.database) OR current_database() = ANY (h.database))
  AND CASE WHEN h.netmask IS NULL THEN h.address NOT IN ('samehost', 'localhost')
    ELSE h.address !~ '^127\.' AND h.address <> '::1'
      AND h.netmask NOT IN ('255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff') END
ORDER BY h.line_number;

SELECT 'hba-broken', 'warning', format('pg_hba.conf line %s', h.line_number),
  format('It can''t be read (%s), so that the server goes by the lines of its last good reading.', h.error), 'the line as the manual has it'
FROM pg_hba_file_rules h WHERE h.error IS NOT NULL
ORDER BY h.line_number;

SELECT 'md5-password', CASE WHEN a.rolname = current_setting('pgchaperone.doctor')::json->>'role' THEN 'danger' ELSE 'warning' END,
  format('role %I', a.rolname),
  'Its password is kept as an MD5 hash, which is as good as the password to whoever reads one.',
  format('SET password_encryption = ''scram-sha-256''; ALTER ROLE %I PASSWORD ''..'';', a.rolname)
FROM pg_authid a WHERE a.rolpassword ~ '^md5'
ORDER BY 3;

-- A sealed lease has no password; one that keeps it can log in again.
SELECT 'lease-not-sealed', 'warning', format('role %I', a.rolname),
  'The lease has a session, and its password still works for another.',
  format('ALTER ROLE %I PASSWORD NULL;', a.rolname)
FROM pg_authid a
WHERE a.rolname ~ '^agp_' AND a.rolpassword IS NOT NULL
  AND EXISTS (SELECT FROM pg_stat_activity s WHERE s.usesysid = a.oid AND s.backend_start < now() - interval '1 minute')
ORDER BY 3
