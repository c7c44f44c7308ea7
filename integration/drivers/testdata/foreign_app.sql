\set ON_ERROR_STOP 0
\pset null '<null>'
CREATE FOREIGN TABLE customers (id bigint NOT NULL, name varchar(60) NOT NULL, email varchar(120) NOT NULL, ssn varchar(11), born date, visits integer,
    income numeric(12,2), score double precision, vip boolean, seen timestamptz, token uuid, profile jsonb, photo bytea, note text) SERVER shop;
CREATE FOREIGN TABLE orders (id bigint, customer_id bigint, amount numeric(10,2), placed timestamp, card char(16), comment text) SERVER shop;
CREATE FOREIGN TABLE contacts (id bigint, name varchar(60), email varchar(120), ssn varchar(11)) SERVER shop;

-- Inserts with and without what the remote side returns, one by one and in batches.
INSERT INTO customers (id, name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note)
VALUES (1, 'Ada', :'word' || '1@example.com', :'word' || '1', '1815-12-10', 7, 1234.5, 0.1, true, '2024-07-01 12:30:15.123456+00',
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"likes": [1, null, "x"]}', '\x00ff275c', 'it''s a note') RETURNING *;
INSERT INTO customers (id, name, email) VALUES (2, 'Null', :'word' || '2');
ALTER FOREIGN TABLE customers OPTIONS (ADD batch_size '4');
INSERT INTO customers (id, name, email, visits, born, note) SELECT n, 'many', :'word' || n, n, date '2000-01-01' + n, 'note ' || n FROM generate_series(3, 20) n;
INSERT INTO orders (id, customer_id, amount, placed, card, comment) SELECT n, 1 + n % 2, n, '2024-01-01', :'word' || n, 'order ' || :'word' FROM generate_series(1, 10) n;
SELECT * FROM customers ORDER BY id;

-- Conditions that go to the other side, as constants and as parameters.
EXPLAIN (VERBOSE, COSTS OFF) SELECT id, email FROM customers WHERE visits = 7;
SELECT id, ssn, born FROM customers WHERE visits = 7;
SELECT id FROM customers WHERE email = :'word' || '2';
SELECT id FROM customers WHERE born = '1815-12-10' AND income = 1234.50;
SELECT id FROM customers WHERE token = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
SELECT id, note FROM customers WHERE visits IN (3, 4, 5) ORDER BY id;
SELECT id FROM customers WHERE ssn IS NULL AND visits IS NOT NULL ORDER BY id LIMIT 3;
PREPARE by_visits(int) AS SELECT id, email FROM customers WHERE visits = $1;
EXECUTE by_visits(7);
EXECUTE by_visits(8);
SET plan_cache_mode = force_generic_plan;
EXECUTE by_visits(7);
SELECT name FROM contacts WHERE ssn = :'word' || '1';

-- Joins on the other side and here.
EXPLAIN (VERBOSE, COSTS OFF) SELECT c.email, o.card FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.visits = 7;
SELECT c.email, o.card FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.visits = 7 ORDER BY o.id;
SELECT c.email, o.card FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.amount > 3 WHERE c.id < 4 ORDER BY c.id, o.id;
SELECT count(*) FROM customers;
SELECT c.id, c.email FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id) ORDER BY id;

-- Writes: sent whole where that can be, and else row by row.
EXPLAIN (VERBOSE, COSTS OFF) UPDATE customers SET ssn = 'direct' WHERE visits = 7;
UPDATE customers SET ssn = 'direct' WHERE visits = 7;
UPDATE customers SET ssn = 'd' || id, visits = visits + 100 WHERE id IN (3, 4) RETURNING id, ssn, visits;
UPDATE customers c SET note = 'joined' FROM (VALUES (5), (6)) v (id) WHERE c.id = v.id RETURNING c.id, c.note;
DELETE FROM orders WHERE card = :'word' || '10';
DELETE FROM orders WHERE card = :'word' || '9' AND id > 8 RETURNING id, card;
DELETE FROM customers WHERE visits = 20;
SELECT id, ssn, visits, note FROM customers ORDER BY id;
SELECT id, card, comment FROM orders ORDER BY id;

-- Errors of the other side.
INSERT INTO customers (id, name, email) VALUES (99, 'twice', :'word' || '2');
INSERT INTO customers (id, name, email, ssn) VALUES (99, 'long', 'x', 'far too long for it');
BEGIN;
UPDATE customers SET note = 'undone' WHERE id = 2;
SAVEPOINT s;
INSERT INTO customers (id, name, email) VALUES (99, 'twice', :'word' || '2');
ROLLBACK TO s;
SELECT note FROM customers WHERE id = 2;
ROLLBACK;
SELECT note FROM customers WHERE id = 2;

-- A cursor over a foreign table, and statistics.
BEGIN;
DECLARE c CURSOR FOR SELECT id, email FROM customers ORDER BY id;
FETCH 5 FROM c;
MOVE 3 FROM c;
FETCH 2 FROM c;
COMMIT;
ANALYZE orders;
COPY customers (id, name, email, visits) FROM STDIN;
50	copied	copied50	50
51	copied	copied51	\N
\.
SELECT id, email, visits FROM customers WHERE id >= 50 ORDER BY id;

-- dblink.
SELECT * FROM dblink('shop', 'SELECT id, email, born, visits FROM customers WHERE id < 4 ORDER BY id') AS t (id bigint, email varchar, born date, visits int);
SELECT dblink_connect('far', 'shop');
SELECT dblink_exec('far', 'UPDATE customers SET ssn = ''dblink'' WHERE id = 2');
SELECT dblink_exec('far', 'BEGIN');
SELECT dblink_open('far', 'rows', 'SELECT id, email, ssn FROM customers ORDER BY id');
SELECT * FROM dblink_fetch('far', 'rows', 3) AS t (id bigint, email varchar, ssn varchar);
SELECT dblink_close('far', 'rows');
SELECT dblink_exec('far', 'COMMIT');
SELECT dblink_send_query('far', 'SELECT ssn FROM customers WHERE id = 2');
SELECT * FROM dblink_get_result('far') AS t (ssn varchar);
SELECT * FROM dblink_get_result('far') AS t (ssn varchar);
SELECT * FROM dblink('far', 'SELECT upper(name), email FROM customers WHERE ssn = ''dblink''') AS t (name text, email varchar);
SELECT dblink_disconnect('far');

-- The tables as the other side describes them.
CREATE SCHEMA imported;
IMPORT FOREIGN SCHEMA public LIMIT TO (customers, orders, contacts) FROM SERVER shop INTO imported;
\d imported.customers
\d imported.orders
SELECT id, email, ssn FROM imported.contacts WHERE ssn = 'dblink';
