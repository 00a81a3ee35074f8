-- Casts: source type, target type, context (e explicit, a assignment, i implicit), method (f function, b as it is,
-- i through text), function.
SELECT pg_temp.type_name(c.castsource), pg_temp.type_name(c.casttarget), c.castcontext, c.castmethod, coalesce(p.proname, '-')
FROM pg_cast c LEFT JOIN pg_proc p ON p.oid = c.castfunc;
