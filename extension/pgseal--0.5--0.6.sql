-- pgseal 0.5 to 0.6: a change of type finds copies before it looks at their rows. The
-- text of the function is that of pgseal--0.6.sql.

CREATE OR REPLACE FUNCTION pgseal.version() RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN '0.6'::text;

CREATE OR REPLACE FUNCTION pgseal.retype(domain regtype, column_id integer, logical_type regtype, typmod integer, coll regcollation, anew boolean)
    RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holder record;
    roots  bigint;
    filled boolean;
    name   text;
BEGIN
    -- Once for each table of a tree.
    IF anew AND EXISTS (SELECT FROM pgseal.retyping r
                         WHERE r.domain = retype.domain AND r.column_id <> retype.column_id AND r.logical_type = retype.logical_type AND r.typmod = retype.typmod) THEN
        RETURN true;
    END IF;
    -- Before a row is looked at: a copy may be another session's temporary table, or
    -- another owner's.
    SELECT count(*), (array_agg(c.relname || '.' || a.attname ORDER BY c.oid))[1] INTO roots, name
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE a.atttypid = retype.domain AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'f')
       AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_attribute p ON p.attrelid = i.inhparent
                        WHERE i.inhrelid = c.oid AND p.atttypid = retype.domain AND p.attnum > 0 AND NOT p.attisdropped);
    IF roots > 1 THEN
        RAISE feature_not_supported USING
            MESSAGE = format('sealed column %s cannot be given another type: copies of its values stand in other tables', name),
            HINT = 'Drop those tables, or unseal the column.';
    END IF;
    FOR holder IN SELECT c.oid::regclass AS relation, a.attname
                    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                   WHERE anew AND a.atttypid = retype.domain AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'
                   ORDER BY c.oid LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s WHERE %I IS NOT NULL)', holder.relation, holder.attname) INTO filled;
        IF filled THEN
            RAISE feature_not_supported USING
                MESSAGE = format('sealed column %s.%s has values, which a change of its type would have to convert', holder.relation, holder.attname),
                DETAIL = 'The server cannot convert encrypted values.',
                HINT = format('pgseal unseal %1$s.%2$s, change the type, and pgseal seal %1$s.%2$s again.', holder.relation, holder.attname);
        END IF;
    END LOOP;
    UPDATE pgseal.retyping r
       SET logical_type = retype.logical_type, typmod = retype.typmod, coll = retype.coll, anew = retype.anew
     WHERE r.domain = retype.domain AND r.column_id = retype.column_id;
    IF NOT FOUND THEN
        RAISE undefined_object USING MESSAGE = 'pgseal_moved: the column is another one, or its table is another owner''s';
    END IF;
    RETURN true;
END $$;
