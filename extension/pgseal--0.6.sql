-- pgseal 0.5: what the server needs to know of sealed columns.
--
-- The same text serves CREATE EXTENSION pgseal, pg_tle and `pgseal init`, which
-- runs it from its own copy where no extension may be created. It needs CREATE
-- on the database and nothing else; whoever runs it owns the objects.
-- PostgreSQL 14 or later.

CREATE SCHEMA pgseal;
COMMENT ON SCHEMA pgseal IS 'Sealed columns: tables of keys and columns, functions over envelopes';

-- One domain for each sealed column, made by `pgseal seal`. The domains are not
-- members of the extension, so that pg_dump writes them out.
CREATE SCHEMA pgseal_column;
COMMENT ON SCHEMA pgseal_column IS 'One domain for each sealed column; it is the column''s type';

------------------------------------------------------------------------------
-- Functions over envelopes
--
--   0   1  magic 0xE5          10   1  term flags
--   1   1  version 0x01        11  ..  terms (equality, lower, upper: 16 bytes each)
--   2   4  column id           ..  12  nonce
--   6   4  data key id         ..   n  ciphertext, then a tag of 16 bytes
--
-- All of them are simple enough for the planner to inline, which is what makes
-- an index on pgseal.eq(column) serve. Their bodies are parsed here and now, so
-- that no search_path can redirect a name in them. None raises an error for a
-- value that is too short: the CHECK of a domain must say no, not fail.

CREATE FUNCTION pgseal.version() RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN '0.6'::text;
COMMENT ON FUNCTION pgseal.version() IS 'Version of the installed pgseal schema';

-- The header and the least length are one pattern of LIKE: any byte stands for
-- itself behind a backslash, an underscore for any byte. In a CHECK all of it but
-- the comparison is done once, so that a stored value costs one call, and a
-- statement the preparation of one. Not STRICT: a NULL value gives NULL anyway,
-- which a CHECK lets pass, and a strict function with such a body is not inlined.
CREATE FUNCTION pgseal.is_envelope(value bytea, column_id integer) RETURNS boolean
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

CREATE FUNCTION pgseal.is_envelope(value bytea, column_id integer, terms integer) RETURNS boolean
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

-- A statement that pgseal has rewritten says what it was planned for: it calls this
-- with a column and the domain that the column must have. With two types the call
-- fails when the statement is analysed; with one the planner drops it. A quoted
-- body, because another may not have arguments of any type.
CREATE FUNCTION pgseal.same_type(anyelement, anyelement) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    AS 'SELECT NULL::pg_catalog.bytea';
COMMENT ON FUNCTION pgseal.same_type(anyelement, anyelement) IS
    'NULL; a statement that gives it two types fails';

CREATE FUNCTION pgseal.eq(value bytea) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    RETURN pg_catalog.substring(value, 12, 16);
COMMENT ON FUNCTION pgseal.eq(bytea) IS
    'Equality term of an envelope that has one: equal values of a column have equal terms';

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

CREATE FUNCTION pgseal.column_id(value bytea) RETURNS bigint
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    RETURN ('x'::text OPERATOR(pg_catalog.||)
            pg_catalog.encode(pg_catalog.substring(value, 3, 4), 'hex'::text))::pg_catalog.bit(32)::bigint;
COMMENT ON FUNCTION pgseal.column_id(bytea) IS 'Id of the sealed column that an envelope was made for';

CREATE FUNCTION pgseal.key_id(value bytea) RETURNS bigint
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
    RETURN ('x'::text OPERATOR(pg_catalog.||)
            pg_catalog.encode(pg_catalog.substring(value, 7, 4), 'hex'::text))::pg_catalog.bit(32)::bigint;
COMMENT ON FUNCTION pgseal.key_id(bytea) IS 'Id of the data key that an envelope was sealed under (pgseal.data_key)';

------------------------------------------------------------------------------
-- Tables

-- The one row is written by `pgseal init` and not here: a restored dump brings
-- its own, and the id is part of every key's encryption context.
CREATE TABLE pgseal.installation (
    id         uuid        NOT NULL DEFAULT pg_catalog.gen_random_uuid() PRIMARY KEY,
    kms_key_id text        CHECK (kms_key_id <> ''),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE UNIQUE INDEX installation_is_one_row ON pgseal.installation ((true));
COMMENT ON COLUMN pgseal.installation.kms_key_id IS
    'KMS key that wraps new data keys: id, ARN, alias or alias ARN';

CREATE TABLE pgseal.sealed_table (
    table_id         integer  GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    relation         regclass NOT NULL UNIQUE,
    name_at_creation text     NOT NULL
);
COMMENT ON TABLE pgseal.sealed_table IS 'Tables that own data keys';
COMMENT ON COLUMN pgseal.sealed_table.name_at_creation IS
    'Part of the encryption context: never changed, whatever the table is called later';

CREATE TABLE pgseal.data_key (
    key_id             integer     GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    table_id           integer     NOT NULL REFERENCES pgseal.sealed_table,
    purpose            text        NOT NULL CHECK (purpose IN ('seal', 'index', 'pair')),
    version            integer     NOT NULL CHECK (version > 0),
    state              text        NOT NULL
        CHECK (state IN ('pending', 'active', 'open-only', 'retired', 'destroyed')),
    kms_key_arn        text        NOT NULL,
    key_spec           text        NOT NULL,
    ciphertext_blob    bytea       CHECK (pg_catalog.length(ciphertext_blob) BETWEEN 1 AND 6144),
    encryption_context jsonb       NOT NULL CHECK (pg_catalog.jsonb_typeof(encryption_context) = 'object'),
    key_check          bytea       CHECK (pg_catalog.length(key_check) = 16),
    public_key         bytea,
    seals              bigint      NOT NULL DEFAULT 0 CHECK (seals >= 0),
    created_at         timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by         text        NOT NULL DEFAULT session_user,
    activated_at       timestamptz,
    superseded_at      timestamptz,
    retired_at         timestamptz,
    destroyed_at       timestamptz,
    UNIQUE (table_id, purpose, version),
    -- Destroying a key is erasing its blob: nothing can unwrap it again.
    CHECK ((ciphertext_blob IS NULL) = (state = 'destroyed'))
);
CREATE UNIQUE INDEX data_key_one_active ON pgseal.data_key (table_id, purpose) WHERE state = 'active';
COMMENT ON COLUMN pgseal.data_key.ciphertext_blob IS 'The data key as KMS wrapped it; opened by kms:Decrypt only';
COMMENT ON COLUMN pgseal.data_key.encryption_context IS
    'Bound to the blob by KMS, and rebuilt from the other tables before every Decrypt';
COMMENT ON COLUMN pgseal.data_key.key_check IS
    'Commitment to the plaintext key, compared after every unwrap; NULL until the first';
COMMENT ON COLUMN pgseal.data_key.seals IS 'Values sealed under this key, as the proxies reported them';

CREATE TABLE pgseal.sealed_column (
    column_id    integer     GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    table_id     integer     NOT NULL REFERENCES pgseal.sealed_table,
    domain       regtype     NOT NULL UNIQUE,
    schema_name  text        NOT NULL,
    table_name   text        NOT NULL,
    column_name  text        NOT NULL,
    logical_type regtype     NOT NULL,
    typmod       integer     NOT NULL DEFAULT -1,
    terms        integer     NOT NULL DEFAULT 0 CHECK (terms BETWEEN 0 AND 255),
    normalizer   text,
    index_key_id integer     REFERENCES pgseal.data_key,
    original     jsonb       NOT NULL DEFAULT '{}' CHECK (pg_catalog.jsonb_typeof(original) = 'object'),
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by   text        NOT NULL DEFAULT session_user,
    CHECK (terms = 0 OR index_key_id IS NOT NULL)
);
COMMENT ON TABLE pgseal.sealed_column IS 'What the domain of a sealed column stands for';
COMMENT ON COLUMN pgseal.sealed_column.schema_name IS
    'Name at sealing, as table_name and column_name; pgseal.columns shows the present ones';
COMMENT ON COLUMN pgseal.sealed_column.logical_type IS 'Type that applications see; stored by name in a dump';
COMMENT ON COLUMN pgseal.sealed_column.terms IS 'Term flags of every envelope: 1 equality, 2 order, 4 match, 8 lower, 16 upper';
COMMENT ON COLUMN pgseal.sealed_column.normalizer IS
    'With a term of lower or upper: how the server folds characters, lower:HASH, upper:HASH or both, a comma between';
COMMENT ON COLUMN pgseal.sealed_column.original IS
    'What unsealing brings back: default, NOT NULL, collation, constraints, index definitions';

CREATE TABLE pgseal.job (
    job_id       bigint      GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('rotate', 'reseal')),
    table_id     integer     NOT NULL REFERENCES pgseal.sealed_table,
    state        text        NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'done', 'failed')),
    done         bigint      NOT NULL DEFAULT 0,
    total        bigint,
    message      text,
    requested_by text        NOT NULL DEFAULT session_user,
    requested_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    worker       text
);
CREATE UNIQUE INDEX job_one_at_a_time ON pgseal.job (table_id, kind) WHERE state IN ('queued', 'running');
COMMENT ON TABLE pgseal.job IS 'Work that a running proxy, or `pgseal key`, carries out';

-- Sealing changes a column's type under running proxies, and a proxy that plans
-- with the catalog of before would send plaintext. So the change is announced
-- first; it begins when every proxy has said that it knows (see the
-- application_name of its catalog connection), and meanwhile they hold back
-- what names these relations. A row counts while its advisory lock is held:
-- what a broken connection leaves behind holds nobody up.
CREATE TABLE pgseal.change (
    change_id  integer     GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    relations  oid[]       NOT NULL,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    started_by text        NOT NULL DEFAULT session_user
);
COMMENT ON TABLE pgseal.change IS 'Relations whose columns are being sealed or unsealed';

------------------------------------------------------------------------------
-- Views for people

CREATE VIEW pgseal.columns AS
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
COMMENT ON VIEW pgseal.columns IS 'Sealed columns under their present names, wherever their type has spread';

CREATE VIEW pgseal.keys AS
SELECT k.key_id,
       n.nspname AS schema_name,
       COALESCE(c.relname, t.name_at_creation) AS table_name,
       k.purpose,
       k.version,
       k.state,
       k.kms_key_arn,
       k.key_spec,
       k.encryption_context,
       k.key_check IS NOT NULL AS checked,
       k.seals,
       k.created_at,
       k.created_by,
       k.activated_at,
       k.superseded_at,
       k.retired_at,
       k.destroyed_at,
       k.table_id
  FROM pgseal.data_key k
  JOIN pgseal.sealed_table t USING (table_id)
  LEFT JOIN pg_catalog.pg_class c ON c.oid = t.relation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace;
COMMENT ON VIEW pgseal.keys IS 'Data keys without their wrapped bytes';

CREATE VIEW pgseal.jobs AS
SELECT j.job_id,
       j.kind,
       n.nspname AS schema_name,
       COALESCE(c.relname, t.name_at_creation) AS table_name,
       j.state,
       j.done,
       j.total,
       j.message,
       j.requested_by,
       j.requested_at,
       j.started_at,
       j.finished_at,
       j.worker
  FROM pgseal.job j
  JOIN pgseal.sealed_table t USING (table_id)
  LEFT JOIN pg_catalog.pg_class c ON c.oid = t.relation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace;
COMMENT ON VIEW pgseal.jobs IS 'Rotations and reseals, asked for, under way and done';

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

CREATE TRIGGER write_type INSTEAD OF UPDATE ON pgseal.retyping
    FOR EACH ROW EXECUTE FUNCTION pgseal.write_type();

CREATE FUNCTION pgseal.retype(domain regtype, column_id integer, logical_type regtype, typmod integer, coll regcollation, anew boolean)
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

------------------------------------------------------------------------------
-- Telling the proxies: NOTIFY pgseal with 'catalog', 'keys' or 'jobs'
--
-- Counters, key checks and progress change all the time and concern nobody
-- else: the triggers name the columns that do.

CREATE FUNCTION pgseal.announce() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_catalog.pg_notify('pgseal', TG_ARGV[0]);
    RETURN NULL;
END
$$;

CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pgseal.installation
    FOR EACH STATEMENT EXECUTE FUNCTION pgseal.announce('catalog');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pgseal.sealed_table
    FOR EACH STATEMENT EXECUTE FUNCTION pgseal.announce('catalog');
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pgseal.sealed_column
    FOR EACH STATEMENT EXECUTE FUNCTION pgseal.announce('catalog');
CREATE TRIGGER announce AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF state, kms_key_arn, ciphertext_blob, encryption_context, public_key ON pgseal.data_key
    FOR EACH STATEMENT EXECUTE FUNCTION pgseal.announce('keys');
CREATE TRIGGER announce AFTER INSERT OR DELETE OR TRUNCATE ON pgseal.change
    FOR EACH STATEMENT EXECUTE FUNCTION pgseal.announce('catalog');
CREATE TRIGGER announce AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF state ON pgseal.job
    FOR EACH STATEMENT EXECUTE FUNCTION pgseal.announce('jobs');

------------------------------------------------------------------------------
-- What a DBA calls

-- SECURITY DEFINER, so that GRANT EXECUTE is all that another DBA needs.
CREATE FUNCTION pgseal.rotate_key(relation regclass) RETURNS bigint
    LANGUAGE plpgsql STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_id integer;
    queued   bigint;
BEGIN
    SELECT t.table_id INTO owner_id
      FROM pgseal.sealed_table t
      JOIN pgseal.data_key k ON k.table_id = t.table_id AND k.purpose = 'seal' AND k.state = 'active'
     WHERE t.relation = rotate_key.relation;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no data key to rotate', relation
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Keys belong to the table whose column was sealed: see pgseal.keys. '
                         'To seal a column: pgseal seal SCHEMA.TABLE.COLUMN';
    END IF;

    INSERT INTO pgseal.job (kind, table_id) VALUES ('rotate', owner_id)
    ON CONFLICT (table_id, kind) WHERE state IN ('queued', 'running') DO NOTHING
    RETURNING job_id INTO queued;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a rotation of the data key of table % is already under way', relation
            USING ERRCODE = 'object_in_use',
                  HINT = 'See pgseal.jobs. A queued job needs a running proxy, or: pgseal key rotate TABLE';
    END IF;
    RETURN queued;
END
$$;
COMMENT ON FUNCTION pgseal.rotate_key(regclass) IS
    'Asks for a new version of a table''s data key; gives the id of the job in pgseal.jobs';

CREATE FUNCTION pgseal.grant_proxy(role name) RETURNS void
    LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA pgseal, pgseal_column TO %I', role);
    EXECUTE pg_catalog.format('GRANT SELECT ON ALL TABLES IN SCHEMA pgseal TO %I', role);
    -- A rotation adds a key and closes the one before.
    EXECUTE pg_catalog.format('GRANT INSERT ON pgseal.data_key TO %I', role);
    EXECUTE pg_catalog.format(
        'GRANT UPDATE (key_check, seals, state, activated_at, superseded_at) ON pgseal.data_key TO %I', role);
    EXECUTE pg_catalog.format(
        'GRANT UPDATE (state, done, total, message, started_at, finished_at, worker) ON pgseal.job TO %I', role);
END
$$;
COMMENT ON FUNCTION pgseal.grant_proxy(name) IS
    'Gives a role what the proxy needs: reading keys and columns, recording key checks, carrying out jobs';

------------------------------------------------------------------------------
-- Privileges: applications need the type of their columns and the functions in
-- their CHECK and indexes, whoever they connect as. Nothing else is for PUBLIC.

GRANT USAGE ON SCHEMA pgseal, pgseal_column TO PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA pgseal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    pgseal.version(),
    pgseal.is_envelope(bytea, integer), pgseal.is_envelope(bytea, integer, integer),
    pgseal.same_type(anyelement, anyelement), pgseal.computed_default(anyelement), pgseal.eq(bytea), pgseal.lower(bytea), pgseal.upper(bytea), pgseal.key_id(bytea), pgseal.column_id(bytea),
    pgseal.retype(regtype, integer, regtype, integer, regcollation, boolean), pgseal.retyped(regtype, integer, regtype, integer, regcollation, boolean) TO PUBLIC;
REVOKE ALL ON FUNCTION pgseal.rotate_key(regclass), pgseal.grant_proxy(name), pgseal.announce(), pgseal.write_type() FROM PUBLIC;
GRANT SELECT, UPDATE ON pgseal.retyping TO PUBLIC;
GRANT SELECT ON pgseal.retyped_columns TO PUBLIC;

-- As an extension, pg_dump leaves out what the script made: the rows and the
-- counters are the user's own and must be written out.
DO $$
DECLARE
    object regclass;
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_depend
                WHERE classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                  AND objid = 'pgseal'::pg_catalog.regnamespace AND deptype = 'e') THEN
        FOR object IN SELECT c.oid FROM pg_catalog.pg_class c
                       WHERE c.relnamespace = 'pgseal'::pg_catalog.regnamespace AND c.relkind IN ('r', 'S')
                       ORDER BY c.oid LOOP
            PERFORM pg_catalog.pg_extension_config_dump(object, '');
        END LOOP;
    END IF;
END
$$;
