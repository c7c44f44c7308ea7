// Package pgtest runs throw-away PostgreSQL servers from the server binaries of
// the machine, and installs or downloads those where there are none. The tests
// of every package use it, and so does pgseal demo.
//
// A cluster listens on loopback only. Started by root, it runs as an
// unprivileged user, because PostgreSQL refuses root. It leaves nothing behind:
// neither after Stop, nor when the process that started it is killed.
package pgtest
