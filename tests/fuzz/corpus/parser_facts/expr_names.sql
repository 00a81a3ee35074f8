SELECT a, t.a, s.t.a, d.s.t.a, t.*, s.t.*, "Q"."a.b", MixedCase, $1
