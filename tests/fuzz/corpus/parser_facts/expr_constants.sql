SELECT 1, -1, 9999999999, 1.5, 1e10, 'it''s', E'a\tb', U&'\0041', B'01', X'1F', $$d$$, true, false, NULL, N'n'
