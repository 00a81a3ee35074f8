SELECT a + b, - a, a OPERATOR(pg_catalog.+) b, a <> b, a OPERATOR(s.@@) b, a = ANY (b), a <> ALL (ARRAY[1]), a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b, nullif(a, b);
SELECT a IN (1, 2), a NOT IN (1, (2)), (a, b) IN ((1, 2)), a LIKE 'x%', a NOT LIKE 'x!%' ESCAPE '!', a ILIKE b, a NOT SIMILAR TO 'y', a ~~ b, a BETWEEN 1 AND 2, a NOT BETWEEN SYMMETRIC 1 AND 2
