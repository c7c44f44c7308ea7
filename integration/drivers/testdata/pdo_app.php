<?php
// What an application of PDO does, printed for comparison.

$word = $argv[1];

function show(...$values): void
{
    foreach ($values as $v) {
        echo json_encode($v, JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR), ' ';
    }
    echo "\n";
}

function connect(array $options = []): PDO
{
    $dsn = sprintf('pgsql:host=%s;port=%s;dbname=%s', getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE'));
    return new PDO($dsn, getenv('PGUSER'), getenv('PGPASSWORD'), $options + [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

function rows(PDO $db, string $sql, array $args = [], int $mode = PDO::FETCH_NUM): array
{
    $statement = $db->prepare($sql);
    $statement->execute($args);
    return array_map(fn ($row) => array_map(fn ($v) => is_resource($v) ? bin2hex(stream_get_contents($v)) : $v, $row), $statement->fetchAll($mode));
}

// An error like any other, and a session that goes on.
function refused(string $word): void
{
    $db = connect();
    $db->beginTransaction();
    $db->prepare("INSERT INTO customers (name, email) VALUES ('refused', ?)")->execute([$word]);
    $db->exec('SAVEPOINT s');
    try {
        $db->prepare('SELECT quote_ident(note) FROM customers WHERE id > ?')->execute([0]);
    } catch (PDOException $e) {
        echo $e->getCode(), "\n";
    }
    $db->exec('ROLLBACK TO s');
    echo 'refused, and usable: ', rows($db, 'SELECT email FROM customers WHERE email = ?', [$word])[0][0], "\n";
    $db->rollBack();
}

function application(PDO $db, string $word): void
{
    $columns = 'name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note';
    $insert = $db->prepare("INSERT INTO customers ($columns) VALUES (:name, :email, :ssn, :born, :visits, :income, :score, :vip, :seen, :token, :profile, :photo, :note)");
    $bytes = "\x00\xff'\\" . $word;
    $photo = fopen('php://memory', 'r+');
    fwrite($photo, $bytes);
    rewind($photo);
    $ada = [
        'name' => 'Ada', 'email' => "$word@example.com", 'ssn' => "{$word}1", 'born' => '1815-12-10', 'visits' => 7, 'income' => '1234.50',
        'score' => '0.1', 'seen' => '2024-07-01 12:30:15.123456+00', 'token' => 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        'profile' => json_encode(['likes' => [1, null, $word]]), 'note' => "it's a \\ note\n\t$word ünï",
    ];
    foreach ($ada as $name => $value) {
        $insert->bindValue($name, $value, is_int($value) ? PDO::PARAM_INT : PDO::PARAM_STR);
    }
    $insert->bindValue('vip', true, PDO::PARAM_BOOL);
    $insert->bindValue('photo', $photo, PDO::PARAM_LOB);
    $insert->execute();
    show($insert->rowCount(), $db->lastInsertId());
    $insert->execute(['email' => "{$word}2@example.com", 'name' => 'Null'] + array_fill_keys(explode(', ', $columns), null));
    show(rows($db, 'SELECT * FROM customers ORDER BY id', [], PDO::FETCH_ASSOC));

    $statement = $db->query('SELECT * FROM customers LIMIT 1');
    for ($i = 0; $i < $statement->columnCount(); $i++) {
        $meta = $statement->getColumnMeta($i);
        show($meta['name'], $meta['native_type'], $meta['pgsql:oid'], $meta['len'], $meta['precision'], $meta['table'] ?? '');
    }
    $statement->closeCursor();

    foreach (['email' => $ada['email'], 'ssn' => $ada['ssn'], 'born' => $ada['born'], 'visits' => 7, 'income' => '1234.5', 'token' => $ada['token']] as $column => $value) {
        show($column, rows($db, "SELECT id FROM customers WHERE $column = ?", [$value]));
    }
    show(rows($db, 'SELECT id FROM customers WHERE ssn = ?', [null]), rows($db, "SELECT name FROM contacts WHERE ssn = :s AND email = :s2", ['s' => $ada['ssn'], 's2' => $ada['email']]));
    show(rows($db, 'SELECT id FROM customers WHERE email IN (?, ?, ?) ORDER BY id', [$ada['email'], "{$word}2@example.com", 'x']));
    show(rows($db, 'UPDATE customers SET ssn = ?, born = ?, vip = ? WHERE id = ? RETURNING ssn, born, vip', ["{$word}x", '2024-02-29', 'f', 1]));
    $prepared = $db->prepare('SELECT name, note FROM customers WHERE visits = ?');
    foreach ([7, 8, 7] as $n) {
        $prepared->execute([$n]);
        show($prepared->fetchAll(PDO::FETCH_NUM));
    }

    foreach ([
        ["INSERT INTO customers (name, email) VALUES ('twice', ?)", [$ada['email']]],
        ["INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', ?)", [$word . $word]],
        ["INSERT INTO customers (name, email, born) VALUES ('date', 'x', ?)", ['2024-02-30']],
        ["UPDATE customers SET visits = ?", ['99999999999']],
        ["SELECT nothing FROM customers WHERE email = ?", [$word]],
    ] as [$sql, $args]) {
        try {
            rows($db, $sql, $args);
            show('no error', $sql);
        } catch (PDOException $e) {
            show($e->getCode(), $e->getMessage());
        }
    }

    $db->beginTransaction();
    rows($db, 'UPDATE customers SET note = ? WHERE id = 1', ["$word undone"]);
    $db->exec('SAVEPOINT s');
    try {
        rows($db, "INSERT INTO customers (name, email) VALUES ('twice', ?)", [$ada['email']]);
    } catch (PDOException $e) {
        show($e->getCode());
    }
    $db->exec('ROLLBACK TO SAVEPOINT s');
    show(rows($db, 'SELECT note FROM customers WHERE id = 1'), $db->inTransaction());
    $db->rollBack();
    show(rows($db, 'SELECT note FROM customers WHERE id = 1'));
    show(rows($db, "INSERT INTO customers (name, email, visits) VALUES ('up', ?, 8) ON CONFLICT (email) DO UPDATE SET visits = EXCLUDED.visits RETURNING name, visits", [$ada['email']]));
    for ($i = 0; $i < 20; $i++) {
        rows($db, 'INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, ?, ?, ?, ?)', [$i, '2024-01-01', "$word$i", "order $word"]);
    }
    show(rows($db, 'SELECT c.email, o.card, o.comment FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.card = ?', ["{$word}7"]));
    show($db->exec("DELETE FROM customers WHERE ssn = " . $db->quote("{$word}x")));

    // Cursors on the server.
    $db->beginTransaction();
    rows($db, 'INSERT INTO customers (name, email, note) VALUES (?, ?, ?)', ['last', "{$word}last", $word]);
    $scroll = $db->prepare('SELECT email, note FROM customers WHERE note IS NOT NULL OR visits IS NULL ORDER BY id', [PDO::ATTR_CURSOR => PDO::CURSOR_SCROLL]);
    $scroll->execute();
    show($scroll->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_LAST), $scroll->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_PRIOR), $scroll->fetch(PDO::FETCH_NUM, PDO::FETCH_ORI_FIRST));
    $scroll = null;
    $db->commit();

    // COPY.
    show($db->pgsqlCopyFromArray('customers', ["copied\t{$word}c1\t1", "copied\t{$word}c2\t\\N"], "\t", '\\\\N', 'name, email, visits'));
    show($db->pgsqlCopyToArray('customers', '|', 'null', 'name, email, visits'));

    $db->exec('LISTEN news');
    $db->exec("NOTIFY news, 'paper'");
    show(array_slice($db->pgsqlGetNotify(PDO::FETCH_ASSOC, 1000), 0, 1));
    $db->exec('TRUNCATE customers, orders RESTART IDENTITY');
}

if (($argv[2] ?? '') === 'refused') {
    refused($word);
    exit;
}
// Prepared on the server, in the driver, and sent as parameters without a name.
application(connect(), $word);
application(connect([PDO::ATTR_EMULATE_PREPARES => true]), $word);
application(connect([PDO::PGSQL_ATTR_DISABLE_PREPARES => true]), $word);
