# What an application of pgtcl does, printed for comparison.
package require Pgtcl
lassign $argv word mode
set db [pg_connect -conninfo ""] ;# the PG* variables say where
fconfigure stdout -encoding utf-8

# answer takes a result apart, in the ways there are.
proc answer {result} {
    set status [pg_result $result -status]
    puts "$status [pg_result $result -cmdTuples] [pg_result $result -lAttributes]"
    if {$status eq "PGRES_FATAL_ERROR"} {
        puts "[pg_result $result -error sqlstate] [pg_result $result -error position] [pg_result $result -error primary] [pg_result $result -error detail] [pg_result $result -error hint]"
    }
    foreach row [pg_result $result -llist] { puts "  $row" }
    pg_result $result -clear
}

proc run {args} { answer [pg_exec $::db {*}$args] }

# An error like any other, and a session that goes on.
if {$mode eq "refused"} {
    pg_result [pg_exec $db {INSERT INTO customers (name, email) VALUES ('refused', $1)} $word] -clear
    set result [pg_exec $db {SELECT quote_ident(note) FROM customers}]
    puts [pg_result $result -error sqlstate]
    pg_result $result -clear
    pg_select $db "SELECT email FROM customers WHERE email = [pg_quote $word]" row { puts "refused, and usable: $row(email)" }
    pg_result [pg_exec $db {DELETE FROM customers WHERE email = $1} $word] -clear
    exit
}

run {INSERT INTO customers (name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING *} Ada $word@x ${word}1 1815-12-10 7 1234.50 0.1 t \
    "2024-07-01 12:30:15.123456+00" a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 "{\"likes\": \[1, null, \"$word\"\]}" "\\x00ff27" "it's a \\ note\n\t$word ünï"
for {set i 2} {$i < 7} {incr i} {
    run "INSERT INTO customers (name, email, ssn, visits, note) VALUES ('m$i', [pg_quote $word$i@x], [pg_quote $word$i], $i, [pg_quote "it's \\ $word"]) RETURNING id"
}
run {INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, 5.5, '2024-01-01', $1, NULL), (2, 6.5, '2024-01-02', $2, $1)} ${word}a ${word}b

run {SELECT id, ssn, born, income FROM customers WHERE ssn = $1 OR email = $2 ORDER BY id} ${word}1 ${word}3@x
run {SELECT c.email, o.card, o.placed FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.card = $1} ${word}b
run {SELECT id FROM customers WHERE ssn = ANY($1) ORDER BY id} "{${word}1,${word}4,NULL}"
run {UPDATE customers SET ssn = NULL, note = $1 WHERE email = $2 RETURNING ssn, note} "up $word" ${word}4@x
set who ${word}5@x
answer [pg_exec $db -variables {SELECT name, visits FROM customers WHERE email = :who}]

pg_null_value_string $db (null)
run {SELECT ssn, born, note FROM customers ORDER BY id}
pg_null_value_string $db {}
pg_select $db "SELECT email, born, seen FROM customers ORDER BY id" row { puts "$row(.tupno) $row(email) $row(born) $row(seen)" }
pg_execute -array row $db "SELECT email, note FROM customers WHERE visits = 7" { puts "$row(email) $row(note)" }
set result [pg_exec $db "SELECT email, photo, token FROM customers ORDER BY id"]
puts [pg_result $result -dict]
pg_result $result -assign cells
puts "$cells(0,photo) $cells(1,email) [pg_result $result -getTuple 2]"
pg_result $result -clear

run {PREPARE visit (text, int) AS UPDATE customers SET visits = $2 WHERE email = $1 RETURNING email, visits}
foreach n {8 9} { answer [pg_exec_prepared $db visit $word@x $n] }
pg_sendquery_prepared $db visit $word@x 10 ;# which asks for binary values
while {[set result [pg_getresult $db]] ne ""} { answer $result }
pg_sendquery $db "SELECT email FROM customers WHERE visits = 10; UPDATE customers SET note = 'two' WHERE visits = 10; SELECT note FROM customers WHERE visits = 10"
while {[set result [pg_getresult $db]] ne ""} { answer $result }

set copying [pg_exec $db {COPY orders (customer_id, amount, placed, card, comment) FROM STDIN}]
for {set i 1} {$i < 5} {incr i} { puts $db "$i\t$i.5\t2024-02-0$i\t$word$i\t\\N" }
puts $db "\\."
pg_result $copying -clear
run {SELECT card, comment FROM orders WHERE card IN ($1, $2) ORDER BY id} ${word}2 ${word}3
set copying [pg_exec $db {COPY (SELECT id, card, comment FROM orders ORDER BY id) TO STDOUT CSV HEADER}]
while {[gets $db line] >= 0 && $line ne "\\."} { puts $line }
pg_result $copying -clear

foreach text [list \
    "INSERT INTO customers (name, email) VALUES ('twice', [pg_quote $word@x])" \
    "UPDATE customers SET ssn = '$word$word'" "UPDATE customers SET born = '2024-02-30'" "SELECT emial FROM customers" "SELECT customers.id FROM customers c WHERE ssn = 'x'" \
    "BEGIN" "UPDATE customers SET note = '$word tx' WHERE id = 1" "SAVEPOINT a" "SELECT nosuch FROM customers" "ROLLBACK TO a" "SELECT note FROM customers WHERE id = 1" \
    "DECLARE k SCROLL CURSOR FOR SELECT email, ssn FROM customers ORDER BY id" "FETCH 2 FROM k" "MOVE 2 FROM k" "FETCH BACKWARD 1 FROM k" "CLOSE k" "ROLLBACK" \
    "SELECT note FROM customers WHERE id = 1" "DELETE FROM orders WHERE card = '${word}4' RETURNING card" \
    "TRUNCATE customers, orders RESTART IDENTITY"] { run $text }
pg_disconnect $db
