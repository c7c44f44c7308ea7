<?php
// What an application of PHP's pgsql extension does, printed for comparison.

$word = $argv[1];

function show(...$values): void
{
    foreach ($values as $v) {
        echo json_encode($v, JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR), ' ';
    }
    echo "\n";
}

function connect(): PgSql\Connection
{
    return pg_connect(sprintf('host=%s port=%s dbname=%s user=%s password=%s', getenv('PGHOST'), getenv('PGPORT'), getenv('PGDATABASE'), getenv('PGUSER'), getenv('PGPASSWORD')));
}

function rows(PgSql\Connection $db, string $sql, array $args = []): array
{
    return pg_fetch_all(pg_query_params($db, $sql, $args), PGSQL_NUM);
}

// An error with all its fields, as a result that was asked for later.
function failure(PgSql\Connection $db, string $sql, array $args): void
{
    pg_send_query_params($db, $sql, $args);
    while ($result = pg_get_result($db)) {
        show(...array_map(fn ($field) => pg_result_error_field($result, $field), [
            PGSQL_DIAG_SQLSTATE, PGSQL_DIAG_MESSAGE_PRIMARY, PGSQL_DIAG_STATEMENT_POSITION, PGSQL_DIAG_TABLE_NAME, PGSQL_DIAG_CONSTRAINT_NAME,
        ]));
    }
}

// An error like any other, and a session that goes on.
function refused(string $word): void
{
    $db = connect();
    pg_query($db, 'BEGIN');
    pg_query_params($db, "INSERT INTO customers (name, email) VALUES ('refused', $1)", [$word]);
    pg_query($db, 'SAVEPOINT s');
    pg_send_query_params($db, 'SELECT quote_ident(note) FROM customers WHERE id > $1', [0]);
    while ($result = pg_get_result($db)) {
        echo pg_result_error_field($result, PGSQL_DIAG_SQLSTATE), "\n";
    }
    pg_query($db, 'ROLLBACK TO s');
    echo 'refused, and usable: ', rows($db, 'SELECT email FROM customers WHERE email = $1', [$word])[0][0], "\n";
    pg_query($db, 'ROLLBACK');
}

function application(PgSql\Connection $db, string $word): void
{
    // What the extension makes of a table by asking the catalog.
    $ada = [
        'name' => 'Ada', 'email' => "$word@example.com", 'ssn' => "{$word}1", 'born' => '1815-12-10', 'visits' => '7', 'income' => '1234.50', 'score' => '0.1',
        'vip' => 't', 'photo' => "\x00\xff'\\" . $word, 'note' => "it's a \\ note\n\t$word ünï",
    ];
    show(pg_meta_data($db, 'customers'));
    show(pg_meta_data($db, 'customers', true));
    show(pg_convert($db, 'customers', $ada));
    show(pg_insert($db, 'customers', $ada, PGSQL_DML_STRING), pg_insert($db, 'customers', $ada) !== false);
    show(pg_select($db, 'customers', ['email' => $ada['email']]), pg_select($db, 'customers', ['visits' => '7', 'ssn' => $ada['ssn']], PGSQL_DML_STRING));
    show(pg_update($db, 'customers', ['note' => "$word new", 'visits' => '8', 'born' => ''], ['ssn' => $ada['ssn']]), pg_select($db, 'customers', ['visits' => '8']));
    show(pg_insert($db, 'customers', ['name' => 'gone', 'email' => "{$word}gone"]) !== false, pg_delete($db, 'customers', ['email' => "{$word}gone"]));

    $result = pg_query($db, 'SELECT * FROM customers');
    for ($i = 0; $i < pg_num_fields($result); $i++) {
        show(pg_field_name($result, $i), pg_field_type($result, $i), pg_field_size($result, $i), pg_field_table($result, $i), pg_field_prtlen($result, 0, $i), pg_field_is_null($result, 0, $i));
    }
    show(bin2hex(pg_unescape_bytea(pg_fetch_result($result, 0, 'photo'))), pg_fetch_object($result, 0)->income, pg_affected_rows($result));

    pg_prepare($db, 'find', 'SELECT name, note, seen FROM customers WHERE email = $1 AND visits = $2');
    foreach ([8, '9', null, 8] as $n) {
        show(pg_fetch_all(pg_execute($db, 'find', [$ada['email'], $n])));
    }
    pg_send_prepare($db, 'move', 'UPDATE customers SET seen = $1, token = $2, profile = $3 WHERE email = $4 RETURNING seen, token, profile');
    pg_get_result($db);
    pg_send_execute($db, 'move', ['2024-07-01 12:30:15.123456+02', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', "{\"b\": [1, \"$word\"], \"a\": null}", $ada['email']]);
    show(pg_fetch_all(pg_get_result($db)));
    while (pg_get_result($db));

    // Several results of one text.
    pg_send_query($db, "UPDATE customers SET visits = 10; SELECT visits, ssn FROM customers; SELECT 1/0; SELECT note FROM customers");
    while ($result = pg_get_result($db)) {
        show(pg_result_status($result, PGSQL_STATUS_STRING), pg_fetch_all($result), pg_result_error_field($result, PGSQL_DIAG_SQLSTATE));
    }
    show(rows($db, 'SELECT visits FROM customers'));

    failure($db, "INSERT INTO customers (name, email) VALUES ('twice', $1)", [$ada['email']]);
    failure($db, "INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', $1)", [$word . $word]);
    failure($db, 'UPDATE customers SET born = $1', ['2024-02-30']);
    failure($db, 'SELECT nothing FROM customers WHERE email = $1', [$word]);
    failure($db, "INSERT INTO customers (name, email) VALUES ('null', $1)", [null]);

    show(pg_copy_from($db, 'customers (name, email, visits, note)', ["copied\t{$word}c1\t1\tone\\ttab\n", "copied\t{$word}c2\t\\N\t\n"]));
    show(pg_copy_to($db, '(SELECT name, email, visits, note FROM customers ORDER BY id)', '|', 'null'));
    pg_query($db, 'COPY customers (name, email) FROM STDIN');
    pg_put_line($db, "twice\t{$word}c1\n");
    pg_put_line($db, "\\.\n");
    show(@pg_end_copy($db));
    while (pg_get_result($db));
    show(rows($db, 'SELECT count(*), count(note) FROM customers'));

    // A large object in the transaction of a statement on sealed columns.
    pg_query($db, 'BEGIN');
    $oid = pg_lo_create($db);
    $large = pg_lo_open($db, $oid, 'w+');
    pg_lo_write($large, 'beside sealed columns');
    pg_lo_seek($large, 7, PGSQL_SEEK_SET);
    show(pg_lo_read($large, 6), pg_lo_tell($large), rows($db, 'SELECT email FROM customers WHERE ssn = $1', [$ada['ssn']]));
    pg_lo_close($large);
    pg_lo_unlink($db, $oid);
    pg_query($db, 'COMMIT');

    pg_query($db, 'LISTEN news');
    pg_query_params($db, "SELECT pg_notify('news', comment) FROM orders WHERE card = $1", [$word]);
    pg_query($db, "NOTIFY news, 'paper'");
    show(array_slice(pg_get_notify($db, PGSQL_NUM), 0, 1), pg_transaction_status($db), pg_parameter_status($db, 'DateStyle'));
    pg_query($db, 'DEALLOCATE ALL');
    pg_query($db, 'TRUNCATE customers, orders RESTART IDENTITY');
}

if (($argv[2] ?? '') === 'refused') {
    refused($word);
    exit;
}
application(connect(), $word);
$other = connect();
pg_query($other, "SET DateStyle = 'German, DMY'; SET bytea_output = 'escape'; SET TimeZone = 'Asia/Tokyo'");
application($other, $word);
