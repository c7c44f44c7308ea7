SELECT id, name, email, ssn FROM users ORDER BY id;
SELECT name FROM users WHERE email = 'ada@example.com';
INSERT INTO users (name, email, ssn) VALUES ('Barbara Liskov', 'barbara@example.com', '457-55-5462')
ON CONFLICT (email) DO UPDATE SET ssn = EXCLUDED.ssn RETURNING id, email, ssn;
UPDATE users SET ssn = '987-65-4321' WHERE email = 'grace@example.com' RETURNING name, ssn;
