package session

import (
	"slices"
	"strconv"

	"pgseal/rewrite"
	"pgseal/wire"
)

// INSERT … ON CONFLICT DO UPDATE SET n = kv.n + 1 of a key that is not there has nothing to
// compute with, and stores what VALUES has. If another session inserts the key behind the
// question, the statement would find a row that it knows nothing of, and fails (row-changed).
// Two sessions that count the same new thing meet so all the time; PostgreSQL lets one wait
// for the other. So a session that has found no row takes an advisory lock of the
// transaction's on what it has asked, and asks again: it sees what the one before it has
// committed. Who inserts the key in another way is not kept out, only noticed.
//
// It waits for that lock only where nobody can be waiting for it meanwhile: where its
// transaction has written nothing and locked neither rows nor tables. One that has could be
// waited for by the very session that has the lock, and PostgreSQL would not have them wait for
// each other. It takes the lock if that is free.

// maxConflictLocks is how many of these locks a transaction takes: each has an entry in the
// server's table of locks, which has room for max_locks_per_transaction (64 by default) of
// every session's.
const maxConflictLocks = 64

// holdsNothing says whether a transaction has locked nothing that others could wait for. Every
// one has its virtual transaction, and the statement locks its table when it is parsed.
const holdsNothing = "pg_catalog.pg_current_xact_id_if_assigned() IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE" +
	" pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND locktype OPERATOR(pg_catalog.<>) 'virtualxid'" +
	" AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))"

// locksConflict reports that a question has to be asked again under a lock.
func (s *Session) locksConflict(c *computed) bool {
	return c.question.Conflicts && !c.question.Counts && !c.locked && s.conflictLocks < maxConflictLocks &&
		slices.ContainsFunc(c.values, func(v []byte) bool { return v == nil })
}

// appendConflictLock appends what takes the lock, with no row in its answer. Its number is
// made of the question and its values as the server gets them. begins: the transaction begins
// with the question.
func (s *Session) appendConflictLock(dst []byte, q *rewrite.Question, bound []byte, begins bool) []byte {
	number := int64(printBytes(printBytes(printStart, []byte(q.Text)), bound))
	key := "lock('" + strconv.FormatInt(number, 10) + "'::pg_catalog.int8) IS NULL"
	sql := "SELECT WHERE pg_catalog.pg_advisory_xact_" + key
	if !begins {
		sql = "SELECT WHERE CASE WHEN " + holdsNothing + " THEN pg_catalog.pg_advisory_xact_" + key +
			" ELSE pg_catalog.pg_try_advisory_xact_" + key + " END"
	}
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	dst = wire.AppendParse(dst, questionName, sql, nil)
	dst = appendPlainBind(dst, questionName, questionName)
	dst = wire.AppendExecute(dst, questionName, 0)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'P', questionName)
	for _, k := range [...]kind{closeTarget, parse, bind, execute, closeTarget} {
		s.push(&request{kind: k, hidden: true, computes: true})
	}
	s.conflictLocks++
	return dst
}
