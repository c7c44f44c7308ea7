SELECT id, name, left(encode(email, 'hex'), 40) || '…' AS email, left(encode(ssn, 'hex'), 40) || '…' AS ssn FROM users ORDER BY id;
-- A plaintext cannot be stored past the proxy:
INSERT INTO users (name, email) VALUES ('Mallory', 'mallory@example.com');
SELECT schema_name, table_name, purpose, version, state, kms_key_arn FROM pgseal.keys ORDER BY key_id;
