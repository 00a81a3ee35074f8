UPDATE ONLY s.t AS z SET a[1] = 2, b.c = 3, (d, e) = (SELECT 1, x.y FROM x), (f, g) = ROW (h, DEFAULT), i = DEFAULT FROM u WHERE z.id = u.id RETURNING *;
DELETE FROM t USING u, v WHERE CURRENT OF c
