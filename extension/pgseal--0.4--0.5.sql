-- pgseal 0.4 to 0.5: terms of lower(value) and upper(value). The texts are those of
-- pgseal--0.6.sql.

CREATE OR REPLACE FUNCTION pgseal.version() RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN '0.5'::text;

CREATE OR REPLACE FUNCTION pgseal.is_envelope(value bytea, column_id integer, terms integer) RETURNS boolean
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN value OPERATOR(pg_catalog.~~) ('\xe501'::bytea
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 1, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 2, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 3, 1)
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(column_id), 4, 1)
        OPERATOR(pg_catalog.||) '____'::bytea -- key id
        OPERATOR(pg_catalog.||) '\x5c'::bytea OPERATOR(pg_catalog.||) pg_catalog.substring(pg_catalog.int4send(terms), 4, 1)
        -- as many terms, nonce, tag
        OPERATOR(pg_catalog.||) pg_catalog.substring('________________________________________________'::bytea, 1, 16
            OPERATOR(pg_catalog.*) ((terms OPERATOR(pg_catalog.&) 1)
            OPERATOR(pg_catalog.+) ((terms OPERATOR(pg_catalog.>>) 3) OPERATOR(pg_catalog.&) 1)
            OPERATOR(pg_catalog.+) ((terms OPERATOR(pg_catalog.>>) 4) OPERATOR(pg_catalog.&) 1)))
        OPERATOR(pg_catalog.||) '____________________________%'::bytea);
COMMENT ON FUNCTION pgseal.is_envelope(bytea, integer, integer) IS
    'Whether a value is an envelope of this sealed column with exactly these terms (1 = equality, 8 = lower, 16 = upper)';

-- A column with one of these has an equality term, too. The term of upper(value)
-- stands behind that of lower(value), if there is one.
CREATE FUNCTION pgseal.lower(value bytea) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    RETURN pg_catalog.substring(value, 28, 16);
COMMENT ON FUNCTION pgseal.lower(bytea) IS
    'Equality term of lower(value) of an envelope that has one';

CREATE FUNCTION pgseal.upper(value bytea) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    RETURN pg_catalog.substring(value, 28 OPERATOR(pg_catalog.+)
        (2 OPERATOR(pg_catalog.*) (pg_catalog.get_byte(pg_catalog.substring(value, 11, 1) OPERATOR(pg_catalog.||) '\x00'::bytea, 0) OPERATOR(pg_catalog.&) 8)), 16);
COMMENT ON FUNCTION pgseal.upper(bytea) IS
    'Equality term of upper(value) of an envelope that has one';

COMMENT ON COLUMN pgseal.sealed_column.terms IS 'Term flags of every envelope: 1 equality, 2 order, 4 match, 8 lower, 16 upper';
COMMENT ON COLUMN pgseal.sealed_column.normalizer IS
    'With a term of lower or upper: how the server folds characters, lower:HASH, upper:HASH or both, a comma between';

CREATE OR REPLACE VIEW pgseal.columns AS
SELECT n.nspname AS schema_name,
       c.relname AS table_name,
       a.attname AS column_name,
       CASE c.relkind
           WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
           WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
       END AS relation_kind,
       pg_catalog.format_type(s.logical_type, s.typmod) AS logical_type,
       pg_catalog.concat_ws(', ',
           CASE WHEN s.terms & 1 <> 0 THEN 'equality' END,
           CASE WHEN s.terms & 2 <> 0 THEN 'order' END,
           CASE WHEN s.terms & 4 <> 0 THEN 'match' END,
           CASE WHEN s.terms & 8 <> 0 THEN 'lower' END,
           CASE WHEN s.terms & 16 <> 0 THEN 'upper' END) AS terms,
       s.normalizer,
       k.version AS key_version,
       k.key_id,
       s.index_key_id,
       s.column_id,
       s.domain,
       s.created_at,
       s.created_by
  FROM pgseal.sealed_column s
  JOIN pg_catalog.pg_attribute a ON a.atttypid = s.domain AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pgseal.data_key k ON k.table_id = s.table_id AND k.purpose = 'seal' AND k.state = 'active';

CREATE OR REPLACE FUNCTION pgseal.write_type() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s       pgseal.sealed_column;
    id      integer := OLD.column_id;
    own     oid;
    changed jsonb := '{}';
BEGIN
    SELECT * INTO STRICT s FROM pgseal.sealed_column c WHERE c.column_id = OLD.column_id;
    SELECT t.typcollation INTO STRICT own FROM pg_type t WHERE t.oid = NEW.logical_type;
    IF s.terms & 24 <> 0 AND (NEW.logical_type NOT IN ('text'::regtype, 'varchar'::regtype)
        OR coalesce(nullif(NEW.coll, 0), own)::oid <> coalesce(to_regcollation(s.original ->> 'collation')::oid,
            (SELECT t.typcollation FROM pg_type t WHERE t.oid = s.logical_type))) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('sealed column %s.%s.%s has a term of its value in lower or upper case, which another type or collation would make otherwise', s.schema_name, s.table_name, s.column_name),
            HINT = format('pgseal unseal %1$s.%2$s.%3$s, change the type, and pgseal seal %1$s.%2$s.%3$s again.', s.schema_name, s.table_name, s.column_name);
    END IF;
    IF NEW.logical_type <> s.logical_type THEN
        IF NEW.logical_type::oid >= 16384 THEN -- not one of the system's: its input could run anything
            RAISE feature_not_supported USING MESSAGE = format('a sealed column cannot be given type %s', format_type(NEW.logical_type, NULL));
        END IF;
        EXECUTE format('ALTER DOMAIN %s DROP NOT NULL', OLD.domain);
    END IF;
    IF NEW.coll <> 0 AND own = 0 THEN
        RAISE datatype_mismatch USING MESSAGE = format('collations are not supported by type %s', format_type(NEW.logical_type, NULL));
    ELSIF NEW.coll <> 0 AND NEW.coll <> own THEN
        IF s.terms <> 0 AND NOT (SELECT collisdeterministic FROM pg_collation WHERE oid = NEW.coll) THEN
            RAISE feature_not_supported USING
                MESSAGE = format('sealed column %s.%s.%s cannot get a nondeterministic collation', s.schema_name, s.table_name, s.column_name),
                DETAIL = 'Different strings are equal under it, and an equality term cannot tell that.';
        END IF;
        SELECT jsonb_build_object('collation', quote_ident(n.nspname) || '.' || quote_ident(c.collname)) INTO STRICT changed
          FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = NEW.coll;
    END IF;
    -- As ALTER TABLE resets them.
    s.original := s.original - 'collation' - 'storage' || changed;
    IF NEW.anew THEN
        IF EXISTS (SELECT FROM jsonb_array_elements(s.original -> 'indexes') n WHERE n ->> 'suffix' ~ 'COLLATE|\.') THEN
            RAISE feature_not_supported USING
                MESSAGE = format('sealed column %s.%s.%s has an index with a collation or an operator class of its own, which its new type need not have',
                    s.schema_name, s.table_name, s.column_name),
                HINT = 'Drop the index first.';
        END IF;
        -- The proxy knows it before: a default of the same ALTER TABLE is sealed for it.
        IF id >= 127 * 16777216 THEN
            RAISE feature_not_supported USING
                MESSAGE = format('sealed column %s.%s.%s has changed its type too often', s.schema_name, s.table_name, s.column_name),
                HINT = 'Unseal it and seal it again.';
        END IF;
        id := id + 16777216;
        s.original := s.original - 'defaults' - 'labels';
        EXECUTE format('ALTER DOMAIN %s DROP CONSTRAINT sealed', OLD.domain);
        EXECUTE format('ALTER DOMAIN %s ADD CONSTRAINT sealed CHECK (pgseal.is_envelope(VALUE, %s, %s))', OLD.domain, id, s.terms);
    END IF;
    UPDATE pgseal.sealed_column c
       SET column_id = id, logical_type = NEW.logical_type, typmod = NEW.typmod, original = s.original
     WHERE c.column_id = OLD.column_id;
    RETURN NEW;
END $$;

GRANT EXECUTE ON FUNCTION pgseal.lower(bytea), pgseal.upper(bytea) TO PUBLIC;
