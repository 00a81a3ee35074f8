SELECT (r).f, (r).*, (f(1)).g, (t.a).b, a[1], a[1:2], a[:], a[i][j:k], (a[1]).b, b.c[1].d, ($1).x, ((SELECT r)).y
