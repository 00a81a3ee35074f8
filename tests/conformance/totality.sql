-- Calls what is said to be total with edge values of its types, and lists what raised: nothing may.
--
--   psql -v zone=TIMEZONE -f totality.sql < CANDIDATES     kind (functions, operators, casts), name, argument types, totality
--
-- Prints one line for each that raised: SQLSTATE, message, kind, name, types; then how many were called, and those that were
-- not, since there are no values of their types.
\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET TimeZone = :'zone';

CREATE TYPE pg_temp.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pg_temp.pair AS (a int4, b text, c numeric);

CREATE TEMP TABLE edge (type text, value text);
INSERT INTO edge
SELECT type, value FROM (VALUES
  ('bool', ARRAY['t', 'f']),
  ('char', ARRAY['', 'a', '\', E'\x7f', '0']),
  ('int2', ARRAY['0', '1', '-1', '2', '7', '32767', '-32768']),
  ('int4', ARRAY['0', '1', '-1', '2', '7', '31', '32', '64', '1000', '2147483647', '-2147483648']),
  ('int8', ARRAY['0', '1', '-1', '2', '63', '64', '2147483648', '9223372036854775807', '-9223372036854775808']),
  ('float4', ARRAY['0', '-0', '1', '-1', '0.5', 'NaN', 'Infinity', '-Infinity', '3.4e38', '-3.4e38', '1.2e-38', '1e-45']),
  ('float8', ARRAY['0', '-0', '1', '-1', '0.5', 'NaN', 'Infinity', '-Infinity', '1.7e308', '-1.7e308', '2.3e-308', '5e-324', '1e300']),
  ('numeric', ARRAY['0', '1', '-1', '0.5', '-2.5', '0.000', 'NaN', 'Infinity', '-Infinity', '9.9e131071', '-9.9e131071', '1e-16383', '99999999999999999999']),
  ('money', ARRAY['0', '1', '-1', '92233720368547758.07', '-92233720368547758.08']),
  ('text', ARRAY['', 'a', 'A', ' ', ' a ', 'abc', 'äöü', 'İ', 'ß', '中', '😀', E'e\u0301', E'\n', E'\t', '\', 'a\', '\\', '%', '_', '%a%', 'a_c\',
    '12', '-5', '1e400', '2020-01-01', 'infinity', '{', '[', '(', '*', '+', '?', '$', '^', '(a', '[a-', '$.a', '"', '''', '<a', '&', 'true', 'null', 'NaN',
    '1.5', '::', 'public', 'epoch', 'day', 'utf8', 'hex', '/', '.', ',', repeat('xy', 2000)]),
  ('name', ARRAY['', 'a', 'A b', '\', 'ä', repeat('n', 63)]),
  ('bpchar', ARRAY['', 'a', 'a  ', '   ', '\', 'ä', 'x\']),
  ('varchar', ARRAY['', 'a', ' a ', '\', 'ä', repeat('v', 300)]),
  ('bytea', ARRAY['', '\x00', '\xff', '\x5c', '\x615c', '\xc3a4', '\x0001020304', repeat('a', 3000)]),
  ('date', ARRAY['infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '2000-01-01', '2024-02-29', '0001-01-01', '1582-10-04', '294276-12-31', '294277-01-01']),
  ('time', ARRAY['00:00', '24:00', '23:59:59.999999', '12:30']),
  ('timetz', ARRAY['00:00+00', '24:00-15:59', '23:59:59.999999+15:59', '12:30+05:30']),
  ('timestamp', ARRAY['infinity', '-infinity', '4714-11-24 00:00:00 BC', '4713-01-01 BC', '294276-12-31 23:59:59.999999', '2000-01-01', '2024-02-29 12:34:56.789', '2024-03-10 02:30']),
  ('timestamptz', ARRAY['infinity', '-infinity', '4714-11-24 00:00:00+00 BC', '4713-01-01+00 BC', '294276-12-31 23:59:59.999999+00', '2000-01-01+00', '2024-02-29 12:34:56.789+02']),
  ('interval', ARRAY['0', '1 day', '-1 month 3 days 04:05:06.7', '178000000 years', '-178000000 years', '2147483647 days', '-2147483648 days',
    '2147483647 months', '9223372036854775807 microseconds', '-9223372036854775807 microseconds']),
  ('uuid', ARRAY['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '018f3d5e-7b1c-7d4e-8a2b-0123456789ab']),
  ('json', ARRAY['null', '1', '"a"', '[]', '{}', '[1, "a", null, [2]]', '{"a": 1, "b": {"c": [1, 2]}}', '{"a": 1, "a": 2}', '1e400', '"\u0000"', 'true', '[{"a": "x"}]']),
  ('jsonb', ARRAY['null', '1', '"a"', '[]', '{}', '[1, "a", null, [2]]', '{"a": 1, "b": {"c": [1, 2]}}', '1e400', '-1.5', 'true', '[{"a": "x"}]', '["a", "b"]', '{"": ""}']),
  ('jsonpath', ARRAY['$', '$.a', '$[*]', 'strict $.a', 'strict $[5]', '$ ? (@ > 1)', '$.a > 1', '$.datetime()', '$.double()', '$ + 1', '$.a / 0', '-$', '$.keyvalue()', '$.** ? (@ like_regex "a")', 'exists($.a)']),
  ('inet', ARRAY['0.0.0.0/0', '255.255.255.255', '10.1.2.3/8', '192.168.1.5/32', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db8::1/64', '::/0']),
  ('cidr', ARRAY['0.0.0.0/0', '255.255.255.255/32', '10.0.0.0/8', '::/0', '2001:db8::/64']),
  ('macaddr', ARRAY['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '08:00:2b:01:02:03']),
  ('macaddr8', ARRAY['00:00:00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff', '08:00:2b:ff:fe:01:02:03', '08:00:2b:01:02:03:04:05']),
  ('bit', ARRAY['0', '1']),
  ('varbit', ARRAY['', '0', '1', '1010', '11111111111111111111111111111111', '1111111111111111111111111111111111111111111111111111111111111111111']),
  ('oid', ARRAY['0', '1', '1259', '4294967295']),
  ('xid', ARRAY['0', '3', '4294967295']),
  ('xid8', ARRAY['0', '3', '18446744073709551615']),
  ('cid', ARRAY['0', '4294967295']),
  ('tid', ARRAY['(0,0)', '(4294967295,65535)']),
  ('pg_lsn', ARRAY['0/0', '1/0', 'FFFFFFFF/FFFFFFFF']),
  ('oidvector', ARRAY['', '1', '1 2 3']),
  ('int2vector', ARRAY['', '1', '1 2 3']),
  ('tsvector', ARRAY['', 'a:1', 'a:1A b:2 c', '''it''''s'':3B']),
  ('tsquery', ARRAY['', 'a', 'a & b', '!a', 'a <-> b', 'a:* | !(b & c)']),
  ('xml', ARRAY['', '<a/>', 'text', '<a b="1">x</a>']),
  ('point', ARRAY['(0,0)', '(1,2)', '(NaN,0)', '(Infinity,-Infinity)', '(1.7e308,-1.7e308)', '(5e-324,0)']),
  ('line', ARRAY['{1,-1,0}', '{0,1,0}', '{1,0,5}', '{1e300,1e-300,1e300}', '{NaN,1,1}']),
  ('lseg', ARRAY['[(0,0),(1,1)]', '[(0,0),(0,0)]', '[(1e308,1e308),(-1e308,-1e308)]', '[(NaN,0),(1,1)]', '[(Infinity,0),(1,1)]']),
  ('box', ARRAY['(1,1),(0,0)', '(0,0),(0,0)', '(1.7e308,1.7e308),(-1.7e308,-1.7e308)', '(NaN,NaN),(0,0)', '(Infinity,Infinity),(-Infinity,-Infinity)']),
  ('path', ARRAY['((0,0),(1,1),(2,0))', '[(0,0),(1,1)]', '((0,0))', '((1e308,1e308),(-1e308,-1e308))', '[(NaN,0),(Infinity,1)]']),
  ('polygon', ARRAY['((0,0),(1,1),(2,0))', '((0,0))', '((1e308,1e308),(-1e308,-1e308),(0,1e308))', '((NaN,0),(Infinity,1),(0,0))']),
  ('circle', ARRAY['<(0,0),1>', '<(0,0),0>', '<(1,1),1e300>', '<(NaN,0),1>', '<(1e308,1e308),1e308>', '<(0,0),Infinity>']),
  ('_int4', ARRAY['{}', '{NULL}', '{1}', '{1,2,3}', '{3,NULL,1}', '[2:3]={1,2}', '{{1,2},{3,4}}', '[-2147483647:-2147483646]={5,6}', '[2147483645:2147483646]={5,6}']),
  ('_int8', ARRAY['{}', '{NULL}', '{1,2}']),
  ('_text', ARRAY['{}', '{NULL}', '{""}', '{a}', '{a,b,c}', '{{a,b},{c,d}}', '{0}', '{1,b}', '{-1}', '{9999999999999999999}']),
  ('_numeric', ARRAY['{}', '{NULL}', '{NaN,Infinity,1}']),
  ('_float8', ARRAY['{}', '{NaN,NULL,-0}', '{1,2}']),
  ('_jsonb', ARRAY['{}', '{null}', '{"1","[]"}']),
  ('_bool', ARRAY['{}', '{t,NULL}']),
  ('_char', ARRAY['{}', '{A}', '{a,b,c,d}', '{z}']),
  ('_uuid', ARRAY['{}', '{00000000-0000-0000-0000-000000000000}']),
  ('_mood', ARRAY['{}', '{sad,NULL}', '{happy,ok}']),
  ('mood', ARRAY['sad', 'ok', 'happy']),
  ('pair', ARRAY['(1,a,1)', '(,,)', '(2147483647,"",NaN)']),
  ('int4range', ARRAY['empty', '(,)', '[1,5)', '[1,1]', '[5,10)', '[-2147483648,2147483647)', '(,3)']),
  ('int8range', ARRAY['empty', '(,)', '[1,5)', '[-9223372036854775808,9223372036854775807)']),
  ('numrange', ARRAY['empty', '(,)', '[1,5)', '(1,5]', '[NaN,NaN]', '[-Infinity,Infinity]', '[9.9e131071,)']),
  ('daterange', ARRAY['empty', '(,)', '[2000-01-01,2001-01-01)', '[-infinity,infinity)', '[4713-01-01 BC,5874897-12-31)']),
  ('tsrange', ARRAY['empty', '(,)', '[2000-01-01,2001-01-01)', '[-infinity,infinity]']),
  ('tstzrange', ARRAY['empty', '(,)', '[2000-01-01 00:00+00,2001-01-01 00:00+00)', '[-infinity,infinity]']),
  ('int4multirange', ARRAY['{}', '{(,)}', '{[1,5),[7,9)}', '{[-2147483648,2147483647)}']),
  ('int8multirange', ARRAY['{}', '{(,)}', '{[1,5),[7,9)}']),
  ('nummultirange', ARRAY['{}', '{(,)}', '{[1,5),[7,9)}', '{[-Infinity,Infinity]}']),
  ('datemultirange', ARRAY['{}', '{(,)}', '{[2000-01-01,2001-01-01)}', '{[-infinity,infinity)}']),
  ('tsmultirange', ARRAY['{}', '{(,)}', '{[2000-01-01,2001-01-01)}']),
  ('tstzmultirange', ARRAY['{}', '{(,)}', '{[2000-01-01 00:00+00,2001-01-01 00:00+00)}'])
) v(type, list), unnest(list) value;
-- What 17 has and 15 has not.
INSERT INTO edge SELECT 'interval', v FROM unnest(ARRAY['infinity', '-infinity']) v WHERE current_setting('server_version_num')::int >= 170000;

-- Values at the limits of their size, which only what is total whatever the size gets.
CREATE TEMP TABLE limits (type text, value text);
INSERT INTO limits VALUES ('numeric', repeat('9', 131072) || '.9'), ('numeric', '-' || repeat('9', 131072) || '.9'),
  ('numeric', '0.' || repeat('9', 16383));

-- One table for each type, so that the values come as columns and no call is folded away.
DO $$
DECLARE t text; v text;
BEGIN
  FOR t IN SELECT DISTINCT type FROM edge LOOP
    EXECUTE format('CREATE TEMP TABLE %I (v %I, large bool)', 'edge_' || t, t);
    FOR v IN SELECT value FROM edge WHERE type = t LOOP
      EXECUTE format('INSERT INTO %I VALUES (%L::%I, false)', 'edge_' || t, v, t);
    END LOOP;
    FOR v IN SELECT value FROM limits WHERE type = t LOOP
      EXECUTE format('INSERT INTO %I VALUES (%L::%I, true)', 'edge_' || t, v, t);
    END LOOP;
  END LOOP;
END $$;

-- What stands for a polymorphic type: one line, one way to fill a signature.
CREATE TEMP TABLE stand (way int, general text, type text);
INSERT INTO stand
SELECT way, general, type FROM (VALUES
  (1, 'int4', '_int4', 'int4range', 'int4multirange', 'mood'), (2, 'text', '_text', 'tstzrange', 'tstzmultirange', 'mood'),
  (3, 'numeric', '_numeric', 'numrange', 'nummultirange', 'mood'), (4, 'mood', '_mood', 'daterange', 'datemultirange', 'mood'),
  (5, 'jsonb', '_jsonb', 'tsrange', 'tsmultirange', 'mood'), (6, 'float8', '_float8', 'int8range', 'int8multirange', 'mood')
) v(way, e, a, r, m, n), LATERAL (VALUES ('anyelement', e), ('anynonarray', e), ('any', e), ('anycompatible', e),
  ('anycompatiblenonarray', e), ('anyarray', a), ('anycompatiblearray', a), ('anyrange', r), ('anycompatiblerange', r),
  ('anymultirange', m), ('anycompatiblemultirange', m), ('anyenum', n)) w(general, type);
CREATE TEMP TABLE subtype (range text, type text);
INSERT INTO subtype VALUES ('int4range', 'int4'), ('tstzrange', 'timestamptz'), ('numrange', 'numeric'), ('daterange', 'date'), ('tsrange', 'timestamp'), ('int8range', 'int8');

CREATE TEMP TABLE candidate (kind text, name text, arguments text, totality text);
\copy candidate FROM pstdin

CREATE TEMP TABLE outcome (kind text, name text, arguments text, sqlstate text, message text);

-- A constant that makes it total, for what is total with one.
CREATE TEMP TABLE constant (totality text, place int, value text);
INSERT INTO constant VALUES ('pattern', 2, '''%a\\b_c'''), ('pattern', 2, '''x%'''), ('pattern', 2, ''''''), ('divisor', 2, '3'), ('divisor', 2, '1'),
  ('length', 3, '0'), ('length', 3, '2147483647'), ('unit', 1, '''century'''),
  ('unit', 1, '''day'''), ('unit', 1, '''decade'''), ('unit', 1, '''epoch'''), ('unit', 1, '''month'''), ('unit', 1, '''quarter'''), ('unit', 1, '''year''');

DO $$
DECLARE
  c record; k record; w int; ways int; types text[]; args text[]; froms text[]; t text; call text; place int; has_range bool; known bool;
BEGIN
  FOR c IN SELECT * FROM candidate LOOP
    types := CASE WHEN c.arguments = '-' THEN '{}' ELSE string_to_array(c.arguments, ',') END;
    ways := CASE WHEN EXISTS (SELECT FROM unnest(types) x WHERE x LIKE 'any%') THEN 6 ELSE 1 END;
    has_range := EXISTS (SELECT FROM unnest(types) x WHERE x LIKE '%range');
    FOR k IN SELECT constant.place, value FROM constant WHERE totality = c.totality
             UNION ALL SELECT 0, NULL WHERE c.totality IN ('total', 'limits', 'partial') LOOP
      FOR w IN 1 .. ways LOOP
        args := '{}'; froms := '{}'; known := true; place := 0;
        FOREACH t IN ARRAY types LOOP
          place := place + 1;
          IF t = '-' THEN CONTINUE; END IF;
          IF t LIKE 'any%' THEN
            SELECT s.type INTO t FROM stand s WHERE s.way = w AND s.general = t;
            IF has_range AND t NOT LIKE '%range' THEN
              SELECT u.type INTO t FROM stand s JOIN subtype u ON u.range = s.type WHERE s.way = w AND s.general = 'anyrange';
            END IF;
          END IF;
          IF t = 'record' THEN t := 'pair'; END IF;
          IF place = k.place THEN
            args := args || (k.value || '::' || quote_ident(t));
            CONTINUE;
          END IF;
          known := known AND EXISTS (SELECT FROM edge WHERE type = t);
          args := args || ('e' || place || '.v');
          froms := froms || format('(SELECT v FROM %I WHERE NOT large OR %L = ''total'') e%s', 'edge_' || t, c.totality, place);
        END LOOP;
        IF NOT known THEN
          INSERT INTO outcome VALUES (c.kind, c.name, c.arguments, '-', 'no values of its types');
          EXIT;
        END IF;
        call := CASE c.kind
          WHEN 'functions' THEN format('pg_catalog.%I(%s)', c.name, array_to_string(args, ', '))
          WHEN 'operators' THEN CASE WHEN cardinality(args) = 1 THEN format('OPERATOR(pg_catalog.%s) %s', c.name, args[1])
            ELSE format('%s OPERATOR(pg_catalog.%s) %s', args[1], c.name, args[2]) END
          ELSE format('CAST(%s AS %I)', args[1], c.name) END;
        BEGIN
          EXECUTE format('SELECT count(r), count(r::text) FROM (SELECT %s AS r%s OFFSET 0) s', call,
            CASE WHEN froms = '{}' THEN '' ELSE ' FROM ' || array_to_string(froms, ', ') END);
        EXCEPTION WHEN OTHERS THEN
          INSERT INTO outcome VALUES (c.kind, c.name, c.arguments, SQLSTATE, left(SQLERRM, 100));
          EXIT;
        END;
      END LOOP;
    END LOOP;
  END LOOP;
END $$;

SELECT DISTINCT concat_ws(E'\t', sqlstate, message, kind, name, arguments) FROM outcome WHERE sqlstate <> '-' ORDER BY 1;
SELECT 'called ' || count(*) FROM candidate c WHERE NOT EXISTS (SELECT FROM outcome o WHERE (o.kind, o.name, o.arguments) = (c.kind, c.name, c.arguments));
SELECT DISTINCT concat_ws(E'\t', 'not called', kind, name, arguments) FROM outcome WHERE sqlstate = '-' ORDER BY 1;
