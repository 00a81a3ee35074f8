SELECT * FROM a NATURAL JOIN b LEFT JOIN c USING (x, y) AS j RIGHT JOIN d ON d.id = c.id FULL JOIN e ON true CROSS JOIN f;
SELECT * FROM (a JOIN b ON a.i = b.i) AS j (x, y), LATERAL (SELECT a.z) AS s (q)
