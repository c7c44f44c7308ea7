\set ON_ERROR_STOP 0
\set ssn :word '1'
\set SHOW_CONTEXT always
\set mail :word '@example.com'
\pset null '<null>'
INSERT INTO customers (name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note)
VALUES ('Ada', :'mail', :'ssn', '1815-12-10', 7, 1234.5, 0.1, true, '2024-07-01 12:30:15.123456+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        '{"likes": [1, null, "x"]}', '\x00ff275c', E'it''s a \\ note\n\tof Ada'), ('Null', :'word', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
RETURNING id, email, ssn, born;
SELECT * FROM customers ORDER BY id;
\x on
SELECT * FROM customers WHERE ssn = :'ssn';
\x off
SELECT id, email, born, income, seen, profile FROM customers \gdesc
SELECT id AS me, email AS mail_again FROM customers WHERE ssn = :'ssn' \gset
\echo :me :mail_again
SELECT email, born FROM customers WHERE email = :'mail_again' \g (format=csv)
SELECT format('SELECT %s AS generated, email FROM customers WHERE id = %s', id, id) FROM customers ORDER BY id \gexec
SELECT name, visits, email FROM customers WHERE visits IS NOT NULL \crosstabview
SELECT VERSION_NUM >= 160000 AS binds FROM (VALUES (:VERSION_NUM)) v (VERSION_NUM) \gset
\if :binds
SELECT name, email FROM customers WHERE ssn = $1 AND visits = $2 \bind :ssn 7 \g
\endif
PREPARE by_ssn AS SELECT name, email FROM customers WHERE ssn = $1;
EXECUTE by_ssn(:'ssn');
EXECUTE by_ssn('nobody');
DEALLOCATE by_ssn;
\pset format unaligned
SELECT email, visits FROM customers ORDER BY id; SELECT 1 AS one \; SELECT ssn FROM customers WHERE id = 1;

-- Errors, and a savepoint around each statement.
INSERT INTO customers (name, email) VALUES ('twice', :'mail');
INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', 'far too long for it');
INSERT INTO customers (name, email, born) VALUES ('date', 'x', '2024-02-30');
UPDATE customers SET visits = 'seven' WHERE id = 1;
SELECT nothing FROM customers;
SELECT email FROM customers WHERE;
\set ON_ERROR_ROLLBACK on
BEGIN;
UPDATE customers SET ssn = 'new' WHERE ssn = :'ssn' RETURNING ssn;
INSERT INTO customers (name, email) VALUES ('twice', :'mail');
INSERT INTO customers (name, email, income) VALUES ('big', 'x', 1e10);
SELECT ssn, email FROM customers WHERE ssn = 'new';
COMMIT;
\unset ON_ERROR_ROLLBACK
\set AUTOCOMMIT off
DELETE FROM customers WHERE ssn = 'new';
ROLLBACK;
\set AUTOCOMMIT on
SELECT count(*) FROM customers;

-- Rows in portions, by a cursor.
INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, 1, '2024-01-01', 'card a', :'word'), (1, 2, '2024-01-02', 'card b', NULL), (1, 3, '2024-01-03', 'card c', '');
\set FETCH_COUNT 2
SELECT id, card, comment FROM orders ORDER BY id;
SELECT c.email, o.card FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.card = 'card b';
SELECT card, 1 / (id - 3) FROM orders ORDER BY id;
SELECT id, amount, 7 - amount AS rest FROM orders WHERE amount < 100 ORDER BY amount DESC, id;
\unset FETCH_COUNT

-- COPY from and to files of the client.
\copy (SELECT name, email, born, note FROM customers ORDER BY id) TO customers.csv WITH (FORMAT csv, HEADER)
\! cat customers.csv
\copy customers (name, email, born, note) FROM customers.csv WITH (FORMAT csv, HEADER)
UPDATE customers SET email = 'old', ssn = 'old' WHERE id = 1;
DELETE FROM customers WHERE email = :'word';
\copy customers (name, email, born, note) FROM customers.csv WITH (FORMAT csv, HEADER)
\copy customers (id, email, born) TO STDOUT
COPY orders (customer_id, amount, placed, card, comment) FROM STDIN;
1	4	2024-01-04	card d	a\tb\\c
1	5	2024-01-05	\N	\N
\.
COPY orders TO STDOUT WITH (FORMAT csv, QUOTE '''', FORCE_QUOTE *);
SELECT name, email, ssn, born, note FROM customers ORDER BY id;

-- What the catalog shows.
\d customers
\d+ orders
\d contacts
\d+ customers_ssn
\di
\dt
TRUNCATE customers, orders RESTART IDENTITY;
