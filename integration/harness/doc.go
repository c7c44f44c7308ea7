// Package harness gives integration tests two of the three oracles.
//
// The twin: every test has a pair of databases with the same schema. One is
// plain and reached directly; in the other, columns are sealed and it is reached
// through the real proxy. The same statements run on both, in every way in which
// a client can send them, and must answer the same.
//
// The canary: tests store values that carry a marker made at random for the
// process. At the end the sealed cluster's data directory, its WAL, its log and
// the logs of pgseal are searched for it, in plain and encoded. One hit fails.
//
// The two databases are in different clusters, or the twin would be one big
// hit. A process starts the environment once, when a test first asks for it.
package harness
