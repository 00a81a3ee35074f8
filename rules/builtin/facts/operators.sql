-- Operators: name, left type (- for a prefix operator), right type, result type, function, volatility, strict, leakproof.
SELECT o.oprname, CASE WHEN o.oprleft = 0 THEN '-' ELSE pg_temp.type_name(o.oprleft) END, pg_temp.type_name(o.oprright),
  pg_temp.type_name(o.oprresult), p.proname, p.provolatile,
  CASE WHEN p.proisstrict THEN 'strict' ELSE '-' END, CASE WHEN p.proleakproof THEN 'leakproof' ELSE '-' END
FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
WHERE o.oprnamespace = 'pg_catalog'::regnamespace;
