# What an application of DBD::Pg does, printed for comparison.
use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:pg_types);

binmode STDOUT, ':utf8';
my ($word, $how) = @ARGV;

sub show { print join(' | ', map { defined $_ ? (ref $_ ? list($_) : $_) : 'NULL' } @_), "\n" }
sub list { my $v = shift; return '[' . join(', ', map { defined $_ ? (ref $_ ? list($_) : $_) : 'NULL' } @$v) . ']' }
sub connect_ { return DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, PrintError => 0, AutoCommit => 1, pg_enable_utf8 => 1, @_ }) }

# An error like any other, and a session that goes on.
if (($how // '') eq 'refused') {
    my $db = connect_();
    $db->begin_work;
    $db->do("INSERT INTO customers (name, email) VALUES ('refused', ?)", undef, $word);
    $db->pg_savepoint('s');
    eval { $db->selectall_arrayref('SELECT quote_ident(note) FROM customers WHERE id > ?', undef, 0) };
    print $db->state, "\n";
    $db->pg_rollback_to('s');
    print 'refused, and usable: ', $db->selectrow_array('SELECT email FROM customers WHERE email = ?', undef, $word), "\n";
    $db->rollback;
    exit;
}

sub application {
    my $db = shift;
    my @columns = qw(name email ssn born visits income score vip seen token profile photo note);
    my $insert = $db->prepare('INSERT INTO customers (' . join(', ', @columns) . ') VALUES (' . join(', ', map { '?' } @columns) . ')');
    my @ada = (
        'Ada', "$word\@example.com", "${word}1", '1815-12-10', 7, '1234.50', 0.1, 't', '2024-07-01 12:30:15.123456+00',
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', qq({"likes": [1, null, "$word"]}), "\x00\xff'\\$word", "it's a \\ note\n\t$word ünï",
    );
    for my $i (0 .. $#ada) {
        if   ($columns[$i] eq 'photo') { $insert->bind_param($i + 1, $ada[$i], { pg_type => PG_BYTEA }) }
        else                           { $insert->bind_param($i + 1, $ada[$i]) }
    }
    show($insert->execute);
    $insert->execute('Null', "${word}2\@example.com", (undef) x 11);
    my $all = $db->prepare('SELECT * FROM customers ORDER BY id');
    $all->execute;
    show($all->{NAME}, $all->{TYPE}, $all->{pg_type}, $all->{PRECISION}, $all->{SCALE}, $all->{NULLABLE});
    while (my $row = $all->fetchrow_arrayref) {
        show(map { my $v = $_; $v =~ s/([\x00-\x09\x0b-\x1f\xff])/sprintf '%%%02x', ord $1/ge if defined $v && !ref $v; $v } @$row);
    }

    for ([email => $ada[1]], [ssn => $ada[2]], [born => $ada[3]], [visits => 7], [income => '1234.5'], [token => $ada[9]], [ssn => 'nobody'], [ssn => undef]) {
        my ($column, $value) = @$_;
        show($column, $db->selectall_arrayref("SELECT id FROM customers WHERE $column = ?", undef, $value));
    }
    show($db->selectcol_arrayref('SELECT id FROM customers WHERE email = ANY(?) ORDER BY id', undef, [ $ada[1], "${word}2\@example.com" ]));
    show($db->selectrow_array('SELECT name, email FROM contacts WHERE ssn = $1 AND email = $2', undef, @ada[ 2, 1 ]));
    show(sort map { "$_->{name}=$_->{email}" } values %{ $db->selectall_hashref('SELECT id, name, email FROM customers', 'id') });
    show($db->selectrow_array('UPDATE customers SET ssn = ?, born = ? WHERE id = ? RETURNING ssn, born', undef, "${word}x", '2024-02-29', 1));
    show($db->do('UPDATE customers SET note = ? WHERE ssn = ?', undef, "$word again", "${word}x"));
    my $again = $db->prepare('SELECT note FROM customers WHERE visits = ?');
    for (7, 8, 7) { $again->execute($_); show($again->rows, $again->fetchall_arrayref) }

    for (
        [ "INSERT INTO customers (name, email) VALUES ('twice', ?)", $ada[1] ],
        [ "INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', ?)", "$word$word" ],
        [ "INSERT INTO customers (name, email, born) VALUES ('date', 'x', ?)", '2024-02-30' ],
        [ 'UPDATE customers SET visits = ?', '99999999999' ],
        [ 'SELECT nothing FROM customers WHERE email = ?', $word ],
      )
    {
        my ($sql, @args) = @$_;
        eval { $db->do($sql, undef, @args); show('no error', $sql) };
        show($db->state, $db->errstr, $db->pg_error_field('constraint'), $db->pg_error_field('statement_position')) if $@;
    }

    $db->begin_work;
    $db->do('UPDATE customers SET note = ? WHERE id = 1', undef, "$word undone");
    $db->pg_savepoint('s');
    eval { $db->do("INSERT INTO customers (name, email) VALUES ('twice', ?)", undef, $ada[1]) };
    show($db->state, $db->ping);
    $db->pg_rollback_to('s');
    show($db->selectrow_array('SELECT note FROM customers WHERE id = 1'));
    $db->rollback;
    show($db->selectrow_array('SELECT note FROM customers WHERE id = 1'));

    my $orders = $db->prepare('INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, ?, ?, ?, ?)');
    show($orders->execute_array({ ArrayTupleStatus => \my @status }, [ 1 .. 5 ], [ map { "2024-01-0$_" } 1 .. 5 ], [ map { "$word$_" } 1 .. 5 ], [ ("order $word") x 5 ]));
    show($db->selectrow_array('SELECT c.email, o.card, o.comment FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.card = ?', undef, "${word}3"));
    show($db->last_insert_id(undef, undef, 'orders', undef));
    show($db->selectall_arrayref("INSERT INTO customers (name, email, visits) VALUES ('up', ?, 8) ON CONFLICT (email) DO UPDATE SET visits = EXCLUDED.visits RETURNING name, visits", undef, $ada[1]));

    # Asynchronous queries, notices, notifications.
    my $slow = $db->prepare('SELECT email, pg_sleep(0.01)::text FROM customers WHERE id = ?', { pg_async => DBD::Pg::PG_ASYNC() });
    $slow->execute(1);
    show($slow->pg_result, $slow->fetchrow_arrayref);
    $db->do('LISTEN news');
    $db->do("NOTIFY news, 'paper'");
    my $heard = $db->pg_notifies;
    show($heard->[0], $heard->[2]);

    # COPY.
    $db->do('COPY customers (name, email, visits) FROM STDIN');
    $db->pg_putcopydata("copied\t${word}c$_\t$_\n") for 1 .. 3;
    $db->pg_putcopyend;
    $db->do('COPY (SELECT name, email, visits FROM customers ORDER BY id) TO STDOUT');
    my $line;
    while ($db->pg_getcopydata(\$line) >= 0) { chomp $line; show($line) }
    eval {
        $db->do('COPY customers (name, email) FROM STDIN');
        $db->pg_putcopydata("twice\t${word}c1\n");
        $db->pg_putcopyend;
    };
    show($db->state, $db->selectrow_array('SELECT count(*) FROM customers'));

    # A cursor of SQL.
    $db->begin_work;
    $db->do('DECLARE rows CURSOR FOR SELECT name, email FROM customers ORDER BY id');
    show($db->selectall_arrayref('FETCH 2 FROM rows'), $db->selectall_arrayref('FETCH ALL FROM rows'));
    $db->commit;

    # Introspection.
    my $info = $db->column_info(undef, 'public', 'customers', '%');
    while (my $c = $info->fetchrow_hashref) { show(@$c{qw(COLUMN_NAME TYPE_NAME pg_type COLUMN_SIZE DECIMAL_DIGITS NULLABLE ORDINAL_POSITION)}) }
    show($db->primary_key(undef, 'public', 'customers'), sort map { s/"//gr } $db->tables(undef, 'public', '%', 'TABLE'));
    $db->do('TRUNCATE customers, orders RESTART IDENTITY');
    $db->disconnect;
}

# Prepared on the server always, on the second use, never.
application(connect_(pg_switch_prepared => $_)) for 1, 2;
application(connect_(pg_server_prepare => 0));
application(connect_(pg_expand_array => 0));
