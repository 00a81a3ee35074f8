-- Settings: name, type, context (who may change it), unit.
SELECT name, vartype, context, coalesce(unit, '-') FROM pg_settings WHERE name !~ '\.';
