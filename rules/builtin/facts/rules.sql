-- What each function is for, where its catalog entry tells: schema, name, and
--   type_io    input, output or modifiers of a type
--   internal   takes or gives what SQL has no values for, or serves an index, an aggregate or the planner
--   operator   what an operator does
--   cast       what a cast does
--   -          none of these: needs a review
WITH p AS (
  SELECT p.oid, p.pronamespace, p.proname, p.prokind, p.proargtypes::oid[] || p.prorettype AS types FROM pg_proc p
  WHERE p.pronamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))
SELECT DISTINCT p.pronamespace::regnamespace, p.proname,
  CASE
    WHEN p.prokind IN ('a', 'w') THEN '-'
    WHEN EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout))
      THEN 'type_io'
    WHEN EXISTS (SELECT FROM pg_type t WHERE t.oid = ANY (p.types) AND (t.typname IN ('internal', 'cstring', 'trigger', 'event_trigger')
        OR t.typname LIKE '%\_handler')) THEN 'internal'
    WHEN EXISTS (SELECT FROM pg_operator o WHERE o.oprcode = p.oid) THEN 'operator'
    WHEN EXISTS (SELECT FROM pg_cast c WHERE c.castfunc = p.oid) THEN 'cast'
    WHEN EXISTS (SELECT FROM pg_amproc a WHERE a.amproc = p.oid)
      OR EXISTS (SELECT FROM pg_range r WHERE p.oid IN (r.rngcanonical, r.rngsubdiff))
      OR EXISTS (SELECT FROM pg_conversion c WHERE c.conproc = p.oid)
      OR EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
        a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)) THEN 'internal'
    ELSE '-'
  END
FROM p;
