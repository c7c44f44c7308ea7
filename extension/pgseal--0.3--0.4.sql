-- pgseal 0.3 to 0.4: ALTER COLUMN … TYPE of sealed columns. The texts are those of
-- pgseal--0.6.sql.

CREATE OR REPLACE FUNCTION pgseal.version() RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN '0.4'::text;

------------------------------------------------------------------------------
-- ALTER COLUMN … TYPE of a sealed column
--
-- What a domain stands for is written in pgseal.sealed_column, where whoever owns
-- the table need not be allowed to write. The view shows each role the columns of
-- its own tables, as ALTER TABLE would let it change them; the trigger behind it
-- runs as the owner of this schema and writes what is asked for and nothing else.

CREATE VIEW pgseal.retyping WITH (security_barrier) AS
SELECT s.domain, s.column_id, s.logical_type, s.typmod, NULL::pg_catalog.regcollation AS coll, false AS anew
  FROM pgseal.sealed_column s
 WHERE (SELECT pg_catalog.bool_and(pg_catalog.pg_has_role(c.relowner, 'USAGE'))
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         WHERE a.atttypid = s.domain AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'f'));
COMMENT ON VIEW pgseal.retyping IS
    'Logical types of the sealed columns of one''s own tables; an update of one is a part of ALTER COLUMN … TYPE';

-- anew: values of before are none of the new type. The column gets another id, so
-- that none can stand in it, nor come from a statement that was planned before.
CREATE FUNCTION pgseal.write_type() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s       pgseal.sealed_column;
    id      integer := OLD.column_id;
    own     oid;
    changed jsonb := '{}';
BEGIN
    SELECT * INTO STRICT s FROM pgseal.sealed_column c WHERE c.column_id = OLD.column_id;
    SELECT t.typcollation INTO STRICT own FROM pg_type t WHERE t.oid = NEW.logical_type;
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

CREATE TRIGGER write_type INSTEAD OF UPDATE ON pgseal.retyping
    FOR EACH ROW EXECUTE FUNCTION pgseal.write_type();

CREATE FUNCTION pgseal.retype(domain regtype, column_id integer, logical_type regtype, typmod integer, coll regcollation, anew boolean)
    RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder record;
    roots  integer := 0;
    filled boolean;
    name   text;
BEGIN
    -- Once for each table of a tree.
    IF anew AND EXISTS (SELECT FROM pgseal.retyping r
                         WHERE r.domain = retype.domain AND r.column_id <> retype.column_id AND r.logical_type = retype.logical_type AND r.typmod = retype.typmod) THEN
        RETURN true;
    END IF;
    FOR holder IN SELECT c.oid::regclass AS relation, c.relname, a.attname, c.relkind,
                         NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_attribute p ON p.attrelid = i.inhparent
                                      WHERE i.inhrelid = c.oid AND p.atttypid = retype.domain AND p.attnum > 0 AND NOT p.attisdropped) AS is_root
                    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                   WHERE a.atttypid = retype.domain AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'f')
                   ORDER BY c.oid LOOP
        IF holder.is_root THEN
            roots := roots + 1;
            name := coalesce(name, holder.relname || '.' || holder.attname);
        END IF;
        IF anew AND holder.relkind = 'r' THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s WHERE %I IS NOT NULL)', holder.relation, holder.attname) INTO filled;
            IF filled THEN
                RAISE feature_not_supported USING
                    MESSAGE = format('sealed column %s.%s has values, which a change of its type would have to convert', holder.relation, holder.attname),
                    DETAIL = 'The server cannot convert encrypted values.',
                    HINT = format('pgseal unseal %1$s.%2$s, change the type, and pgseal seal %1$s.%2$s again.', holder.relation, holder.attname);
            END IF;
        END IF;
    END LOOP;
    IF roots > 1 THEN
        RAISE feature_not_supported USING
            MESSAGE = format('sealed column %s cannot be given another type: copies of its values stand in other tables', name),
            HINT = 'Drop those tables, or unseal the column.';
    END IF;
    UPDATE pgseal.retyping r
       SET logical_type = retype.logical_type, typmod = retype.typmod, coll = retype.coll, anew = retype.anew
     WHERE r.domain = retype.domain AND r.column_id = retype.column_id;
    IF NOT FOUND THEN
        RAISE undefined_object USING MESSAGE = 'pgseal_moved: the column is another one, or its table is another owner''s';
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION pgseal.retype(regtype, integer, regtype, integer, regcollation, boolean) IS
    'Gives a sealed column of one''s own table another logical type, as a part of ALTER COLUMN … TYPE';

-- ALTER TABLE t ALTER COLUMN c TYPE domain USING CASE WHEN pgseal.retyped(…) THEN c ELSE c END
-- changes what the domain stands for in the very statement that locks the table,
-- finds what depends on the column, and leaves the rows where they are: the server
-- evaluates a call with constants when it prepares the change, before it looks at a
-- row, because the function says that it is immutable. It is not.
CREATE FUNCTION pgseal.retyped(domain regtype, column_id integer, logical_type regtype, typmod integer, coll regcollation, anew boolean)
    RETURNS boolean
    IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN pgseal.retype($1, $2, $3, $4, $5, $6);
END $$;
COMMENT ON FUNCTION pgseal.retyped(regtype, integer, regtype, integer, regcollation, boolean) IS
    'pgseal.retype, called by ALTER COLUMN … TYPE itself';

-- What a transaction that is not over has made of them, for pgseal to read in there.
CREATE VIEW pgseal.retyped_columns AS
SELECT s.domain::oid AS domain, d.typname::text AS domain_name, s.column_id, t.oid AS logical_type, s.typmod,
       pg_catalog.format_type(t.oid, s.typmod) AS type_name, t.typlen, t.typbyval, t.typalign::text AS typalign, t.typstorage::text AS typstorage,
       COALESCE(pg_catalog.to_regcollation(s.original ->> 'collation')::oid, t.typcollation) AS coll,
       t.typtype = 'b' AND t.typcategory = 'A' AS is_array
  FROM pgseal.sealed_column s
  JOIN pg_catalog.pg_type t ON t.oid = s.logical_type
  JOIN pg_catalog.pg_type d ON d.oid = s.domain
 WHERE pg_catalog.age(s.xmin) <= pg_catalog.age(pg_catalog.pg_current_xact_id_if_assigned()::xid);
COMMENT ON VIEW pgseal.retyped_columns IS 'Sealed columns whose logical types this transaction has changed';

GRANT EXECUTE ON FUNCTION
    pgseal.retype(regtype, integer, regtype, integer, regcollation, boolean), pgseal.retyped(regtype, integer, regtype, integer, regcollation, boolean) TO PUBLIC;
REVOKE ALL ON FUNCTION pgseal.write_type() FROM PUBLIC;
GRANT SELECT, UPDATE ON pgseal.retyping TO PUBLIC;
GRANT SELECT ON pgseal.retyped_columns TO PUBLIC;
