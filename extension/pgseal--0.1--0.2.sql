-- pgseal 0.1 to 0.2: a CHECK that compares once, and what statements say they were
-- planned for. The texts of the functions are those of pgseal--0.6.sql.

CREATE OR REPLACE FUNCTION pgseal.version() RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN '0.2'::text;

-- The header and the least length are one pattern of LIKE: any byte stands for
-- itself behind a backslash, an underscore for any byte. In a CHECK all of it but
-- the comparison is done once, so that a stored value costs one call, and a
-- statement the preparation of one. Not STRICT: a NULL value gives NULL anyway,
-- which a CHECK lets pass, and a strict function with such a body is not inlined.
CREATE OR REPLACE FUNCTION pgseal.is_envelope(value bytea, column_id integer) RETURNS boolean
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN value OPERATOR(pg_catalog.~~) ('\xe501'::bytea
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 1, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 2, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 3, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 4, 1)
        -- key id, term flags, nonce, tag
        OPERATOR(pg_catalog.||) '_________________________________%'::bytea);
COMMENT ON FUNCTION pgseal.is_envelope(bytea, integer) IS
    'Whether a value is an envelope of this sealed column, by its header and length';

CREATE OR REPLACE FUNCTION pgseal.is_envelope(value bytea, column_id integer, terms integer) RETURNS boolean
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN value OPERATOR(pg_catalog.~~) ('\xe501'::bytea
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 1, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 2, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 3, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 4, 1)
        OPERATOR(pg_catalog.||) '____'::bytea -- key id
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(terms), 4, 1)
        -- equality term if there is one, nonce, tag
        OPERATOR(pg_catalog.||) pg_catalog.substring('________________'::bytea, 1, 16 OPERATOR(pg_catalog.*) (terms OPERATOR(pg_catalog.&) 1))
        OPERATOR(pg_catalog.||) '____________________________%'::bytea);
COMMENT ON FUNCTION pgseal.is_envelope(bytea, integer, integer) IS
    'Whether a value is an envelope of this sealed column with exactly these terms (1 = equality)';

-- A statement that pgseal has rewritten says what it was planned for: it calls this
-- with a column and the domain that the column must have. With two types the call
-- fails when the statement is analysed; with one the planner drops it. A quoted
-- body, because another may not have arguments of any type.
CREATE OR REPLACE FUNCTION pgseal.same_type(anyelement, anyelement) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    AS 'SELECT NULL::pg_catalog.bytea';
COMMENT ON FUNCTION pgseal.same_type(anyelement, anyelement) IS
    'NULL; a statement that gives it two types fails';

GRANT EXECUTE ON FUNCTION pgseal.same_type(anyelement, anyelement) TO PUBLIC;
