SELECT * FROM generate_series(1, f(2)) WITH ORDINALITY AS g (n, o), LATERAL h(g.n) AS k;
SELECT * FROM f() AS (a int, b text COLLATE "C");
SELECT * FROM ROWS FROM (f(1), g(2) AS (c numeric(10,2)[])) AS r (x, y);
SELECT * FROM t TABLESAMPLE bernoulli (10) REPEATABLE (f(1));
SELECT * FROM XMLTABLE(XMLNAMESPACES('u' AS n), '/r' PASSING d COLUMNS id int PATH '@id' DEFAULT g(), o FOR ORDINALITY) x
