// What an application of node-postgres does, printed for comparison.
"use strict";
const { Client, Pool } = require("pg");
const Cursor = require("pg-cursor");
const QueryStream = require("pg-query-stream");

const word = process.argv[2];
const print = (...values) => console.log(...values.map((v) => JSON.stringify(v)));

// An error like any other, and a session that goes on.
async function refused() {
  const client = new Client();
  await client.connect();
  await client.query("BEGIN");
  await client.query("INSERT INTO customers (name, email) VALUES ('refused', $1)", [word]);
  await client.query("SAVEPOINT s");
  await client.query("SELECT quote_ident(note) FROM customers").catch((e) => console.log(e.code));
  await client.query("ROLLBACK TO s");
  const { rows } = await client.query("SELECT email FROM customers WHERE email = $1", [word]);
  console.log("refused, and usable:", rows[0].email);
  await client.query("ROLLBACK");
  await client.end();
}

async function failure(promise) {
  await promise.then(
    () => print("no error"),
    (e) => print(e.code, e.severity, e.message, e.code === "23502" ? "" : e.detail, e.constraint, e.table, e.column, e.position),
  );
}

async function application() {
  const client = new Client();
  await client.connect();
  const columns = "name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note";
  const ada = [
    "Ada", `${word}@example.com`, `${word}1`, "1815-12-10", 7, "1234.50", 0.1, true, new Date("2024-07-01T12:30:15.123Z"),
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", { likes: [1, null, word], a: { b: "é" } },
    Buffer.concat([Buffer.from([0, 255, 39, 92]), Buffer.from(word)]), `it's a \\ note\n\t${word} ünï`,
  ];
  const insert = `INSERT INTO customers (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING *`;
  const first = await client.query(insert, ada);
  print(first.rows, first.rowCount, first.command);
  print(first.fields.map((f) => [f.name, f.dataTypeID, f.dataTypeSize, f.dataTypeModifier, f.columnID, f.tableID > 0, f.format]));
  const empty = await client.query({ name: "insert", text: insert, values: ["Null", `${word}2@example.com`, ...Array(11).fill(null)] });
  print(empty.rows);
  // Without values: the simple protocol. With a name: prepared once.
  print((await client.query(`SELECT id, email, born, profile FROM customers WHERE email = '${word}@example.com'`)).rows);
  for (let i = 0; i < 3; i++) {
    print((await client.query({ name: "by mail", text: "SELECT id, ssn, seen, vip FROM customers WHERE email = $1", values: [ada[1]] })).rows);
  }
  print((await client.query({ text: "SELECT * FROM customers WHERE ssn = $1", values: [ada[2]], rowMode: "array" })).rows);
  print((await client.query({ text: "SELECT name, email, visits, photo FROM customers ORDER BY id", values: [], binary: true })).rows.length);
  for (const [column, value] of [["email", ada[1]], ["born", ada[3]], ["visits", 7], ["income", "1234.5"], ["token", ada[9]], ["ssn", "nobody"], ["ssn", null]]) {
    print(column, (await client.query(`SELECT id FROM customers WHERE ${column} = $1`, [value])).rows);
  }
  print((await client.query("SELECT id FROM customers WHERE email = ANY($1) ORDER BY id", [[ada[1], `${word}2@example.com`]])).rows);
  print((await client.query("SELECT id FROM customers WHERE visits IN ($1, $2) AND ssn IS NOT NULL ORDER BY id", [7, 8])).rows);
  const several = await client.query(`SELECT ssn FROM customers WHERE id = 1; UPDATE customers SET ssn = '${word}x' WHERE id = 1 RETURNING ssn; SELECT 3 AS three`);
  print(several.map((r) => [r.command, r.rowCount, r.rows]));

  await failure(client.query("INSERT INTO customers (name, email) VALUES ('twice', $1)", [ada[1]]));
  await failure(client.query("INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', $1)", [word + word]));
  await failure(client.query("INSERT INTO customers (name, email, born) VALUES ('date', 'x', $1)", ["2024-02-30"]));
  await failure(client.query("INSERT INTO customers (name, email) VALUES ('null', $1)", [null]));
  await failure(client.query("UPDATE customers SET visits = $1", [2 ** 40]));
  await failure(client.query("SELECT nothing FROM customers WHERE email = $1", [word]));

  await client.query("BEGIN");
  print((await client.query("UPDATE customers SET ssn = $1, profile = $2 WHERE id = 1 RETURNING ssn, profile", [`${word}t`, JSON.stringify([1, 2])])).rows);
  await client.query("SAVEPOINT s");
  await failure(client.query("INSERT INTO customers (name, email) VALUES ('twice', $1)", [ada[1]]));
  await failure(client.query("SELECT email FROM customers"));
  await client.query("ROLLBACK TO s");
  print((await client.query("SELECT ssn FROM customers WHERE id = 1")).rows);
  await client.query("ROLLBACK");
  print((await client.query("SELECT ssn FROM customers WHERE id = 1")).rows);
  print((await client.query("INSERT INTO customers (name, email, visits) VALUES ('up', $1, 8) ON CONFLICT (email) DO UPDATE SET visits = EXCLUDED.visits RETURNING name, visits", [ada[1]])).rows);

  // Many queries under way at once, as node's applications have them.
  const inserts = [];
  for (let i = 0; i < 100; i++) {
    inserts.push(client.query("INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, $1, '2024-01-01', $2, $3) RETURNING card", [i, `${word}${i}`, `order ${word}`]));
  }
  print((await Promise.all(inserts)).map((r) => r.rows[0].card).slice(0, 5));
  print((await client.query("SELECT c.email, o.card, o.comment FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.card = $1", [`${word}42`])).rows);

  // A portal read in portions.
  const cursor = client.query(new Cursor("SELECT id, card, comment FROM orders WHERE customer_id = $1 ORDER BY id", [1]));
  print((await cursor.read(3)).map((r) => r.card), (await cursor.read(50)).length, (await cursor.read(100)).length, (await cursor.read(1)).length);
  await cursor.close();
  const early = client.query(new Cursor("SELECT card FROM orders ORDER BY id"));
  print(await early.read(2));
  await early.close();
  let n = 0;
  for await (const row of client.query(new QueryStream("SELECT card, comment FROM orders ORDER BY id", [], { batchSize: 7 }))) {
    n += row.card.startsWith(word) ? 1 : 0;
  }
  print("streamed", n);

  client.on("notification", (m) => print(m.channel, m.payload));
  client.on("notice", (m) => print(m.severity, m.message));
  await client.query("LISTEN news");
  await client.query("NOTIFY news, 'paper'");
  await client.query("DO $$ BEGIN RAISE NOTICE 'noticed'; END $$");
  await client.end();

  const pool = new Pool({ max: 4 });
  const counts = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.query("SELECT count(*) FROM orders WHERE card = $1", [`${word}${i}`])));
  print(counts.map((r) => r.rows[0].count));
  await pool.query("TRUNCATE customers, orders RESTART IDENTITY");
  await pool.end();
}

(process.argv[3] === "refused" ? refused() : application()).catch((e) => {
  console.error(e);
  process.exit(1);
});
