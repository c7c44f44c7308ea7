// What an application of postgres.js does, printed for comparison.
"use strict";
const postgres = require("postgres");

const word = process.argv[2];
const print = (...values) => console.log(...values.map((v) => JSON.stringify(v)));

// An error like any other, and a session that goes on.
async function refused() {
  const sql = postgres({ max: 1, onnotice: () => {} });
  await sql
    .begin(async (tx) => {
      await tx`INSERT INTO customers (name, email) VALUES ('refused', ${word})`;
      await tx.savepoint((inner) => inner`SELECT quote_ident(note) FROM customers`).catch((e) => console.log(e.code));
      const [row] = await tx`SELECT email FROM customers WHERE email = ${word}`;
      console.log("refused, and usable:", row.email);
      throw new Error("undo");
    })
    .catch((e) => {
      if (e.message !== "undo") throw e;
    });
  await sql.end();
}

async function failure(promise) {
  await promise.then(
    () => print("no error"),
    (e) => print(e.code, e.severity, e.message, e.code === "23502" ? "" : e.detail, e.constraint_name, e.table_name, e.column_name, e.position),
  );
}

async function application(options) {
  const sql = postgres({ max: 1, ...options });
  const ada = {
    name: "Ada", email: `${word}@example.com`, ssn: `${word}1`, born: "1815-12-10", visits: 7, income: "1234.50", score: 0.1, vip: true,
    seen: new Date("2024-07-01T12:30:15.123Z"), token: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", profile: { likes: [1, null, word] },
    photo: Buffer.concat([Buffer.from([0, 255, 39, 92]), Buffer.from(word)]), note: `it's a \\ note\n\t${word} ünï`,
  };
  // Types of parameters are the server's: postgres.js describes first.
  const first = await sql`INSERT INTO customers ${sql(ada)} RETURNING *`;
  print(first, first.count, first.command, first.columns.map((c) => [c.name, c.type]));
  print(await sql`INSERT INTO customers ${sql([{ name: "Null", email: `${word}2@example.com`, ssn: null }, { name: "Three", email: `${word}3`, ssn: `${word}3` }])} RETURNING id, email`);
  for (let i = 0; i < 3; i++) {
    print(await sql`SELECT id, ssn, born, seen, vip, profile FROM customers WHERE email = ${ada.email}`);
  }
  for (const column of ["email", "ssn", "born", "visits", "income", "token"]) {
    print(column, await sql`SELECT id FROM customers WHERE ${sql(column)} = ${ada[column]}`);
  }
  print(await sql`SELECT id FROM customers WHERE ssn = ${null}`, await sql`SELECT id FROM customers WHERE ssn = 'nobody'`);
  print(await sql`SELECT id FROM customers WHERE email IN ${sql([ada.email, `${word}3`])} ORDER BY id`);
  print(await sql`SELECT id FROM customers WHERE email = ANY(${[ada.email, `${word}3`]}) ORDER BY id`);
  print(await sql`UPDATE customers SET ${sql({ ssn: `${word}x`, visits: 8, profile: { k: word } })} WHERE id = 1 RETURNING ssn, visits, profile`);
  print(await sql.unsafe("SELECT email, visits FROM customers WHERE id = $1", [1]), await sql.unsafe(`SELECT 1 AS one; SELECT ssn FROM customers WHERE ssn = '${word}x'`));
  print(await sql`SELECT email, ssn FROM contacts ORDER BY id`.values());
  const described = await sql`SELECT id FROM customers WHERE email = ${"x"} AND born = ${"2024-01-01"} AND visits = ${1}`.describe();
  print(described.types, described.columns.map((c) => [c.name, c.type]));

  await failure(sql`INSERT INTO customers (name, email) VALUES ('twice', ${ada.email})`);
  await failure(sql`INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', ${word + word})`);
  await failure(sql`INSERT INTO customers (name, email, born) VALUES ('null', ${null}, '2024-01-01')`);
  await failure(sql`SELECT nothing FROM customers WHERE email = ${word}`);
  await failure(
    sql.begin(async (tx) => {
      print(await tx`UPDATE customers SET ssn = ${word + "t"} WHERE id = 1 RETURNING ssn`);
      await failure(tx.savepoint((inner) => inner`INSERT INTO customers (name, email) VALUES ('twice', ${ada.email})`));
      print(await tx`SELECT ssn FROM customers WHERE id = 1`);
      throw new Error("undo");
    }),
  );
  print(await sql`SELECT ssn FROM customers WHERE id = 1`);

  // postgres.js sends queries in a pipeline.
  const orders = await Promise.all(
    Array.from({ length: 60 }, (_, i) => sql`INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, ${i}, now(), ${word + i}, ${"order " + word}) RETURNING card`),
  );
  print(orders.map((r) => r[0].card.trim()).slice(0, 3));
  print(await sql`SELECT c.email, o.card FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.card = ${word + 42}`);

  let n = 0;
  await sql`SELECT card, comment FROM orders ORDER BY id`.cursor(7, (rows) => {
    n += rows.filter((r) => r.comment.endsWith(word)).length;
  });
  for await (const rows of sql`SELECT card FROM orders ORDER BY id`.cursor(25)) {
    n += rows.length;
    if (n > 100) break;
  }
  print("in portions", n);
  await sql`SELECT card FROM orders WHERE card = ${word + 7}`.forEach((row) => print(row));

  // COPY as a stream.
  const { Readable } = require("node:stream");
  const { pipeline } = require("node:stream/promises");
  await pipeline(Readable.from([`a\t${word}a\t1\n`, `b\t${word}b`, `\t2\n`]), await sql`COPY customers (name, email, visits) FROM STDIN`.writable());
  const chunks = [];
  for await (const chunk of await sql`COPY (SELECT name, email, visits FROM customers ORDER BY id) TO STDOUT`.readable()) chunks.push(chunk);
  print(Buffer.concat(chunks).toString());

  const heard = new Promise((resolve) => sql.listen("news", resolve, () => sql.notify("news", "paper")));
  print(await heard);
  await sql`TRUNCATE customers, orders RESTART IDENTITY`;
  await sql.end();
}

async function applications() {
  await application({});
  await application({ prepare: false });
}

(process.argv[3] === "refused" ? refused() : applications()).catch((e) => {
  console.error(e);
  process.exit(1);
});
