-- pgseal 0.2 to 0.3: defaults that are computed. The text of the function is that of
-- pgseal--0.6.sql.

CREATE OR REPLACE FUNCTION pgseal.version() RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN '0.3'::text;

-- The default of a sealed column that is another value each time. It keeps the
-- expression in the catalog, where dumps, copies of the table and renamed functions
-- find it. pgseal computes it and seals the value in front of each row; the server
-- must not: a row that does not come through pgseal is refused, rather than stored
-- without a value or with a plain one.
CREATE FUNCTION pgseal.computed_default(anyelement) RETURNS bytea
    VOLATILE LANGUAGE plpgsql AS $$
BEGIN
    RAISE feature_not_supported USING
        MESSAGE = 'the default of a sealed column has to be computed by pgseal, which did not see that this statement needs it',
        HINT = 'Insert through pgseal and into the table itself, or give the column a value.';
END $$;
COMMENT ON FUNCTION pgseal.computed_default(anyelement) IS
    'Stands around the default of a sealed column that is computed for each row; fails when the server calls it';

GRANT EXECUTE ON FUNCTION pgseal.computed_default(anyelement) TO PUBLIC;
