-- pgseal 0.3: what the server needs to know of sealed columns.
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
--   1   1  version 0x01        11  ..  terms (equality first, 16 bytes)
--   2   4  column id           ..  12  nonce
--   6   4  data key id         ..   n  ciphertext, then a tag of 16 bytes
--
-- All of them are simple enough for the planner to inline, which is what makes
-- an index on pgseal.eq(column) serve. Their bodies are parsed here and now, so
-- that no search_path can redirect a name in them. None raises an error for a
-- value that is too short: the CHECK of a domain must say no, not fail.

CREATE FUNCTION pgseal.version() RETURNS text
    IMMUTABLE PARALLEL SAFE LANGUAGE sql
    RETURN '0.3'::text;
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
        -- equality term if there is one, nonce, tag
        OPERATOR(pg_catalog.||) pg_catalog.substring('________________'::bytea, 1, 16 OPERATOR(pg_catalog.*) (terms OPERATOR(pg_catalog.&) 1))
        OPERATOR(pg_catalog.||) '____________________________%'::bytea);
COMMENT ON FUNCTION pgseal.is_envelope(bytea, integer, integer) IS
    'Whether a value is an envelope of this sealed column with exactly these terms (1 = equality)';

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
COMMENT ON COLUMN pgseal.sealed_column.terms IS 'Term flags of every envelope: 1 equality, 2 order, 4 match';
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
           CASE WHEN s.terms & 4 <> 0 THEN 'match' END) AS terms,
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
    pgseal.same_type(anyelement, anyelement), pgseal.computed_default(anyelement), pgseal.eq(bytea), pgseal.key_id(bytea), pgseal.column_id(bytea) TO PUBLIC;
REVOKE ALL ON FUNCTION pgseal.rotate_key(regclass), pgseal.grant_proxy(name), pgseal.announce() FROM PUBLIC;

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
