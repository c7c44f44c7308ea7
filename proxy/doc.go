// Package proxy is everything around a session: it listens, speaks TLS on both
// hops, relays the startup and the server's own authentication, routes cancel
// requests, moves the bytes between the two sockets and a session.Session, and
// ends sessions when the process is asked to stop.
//
// # Startup
//
// A client's startup packet goes to the server as the client wrote it:
// protocol version, run-time parameters and options unknown to us included,
// so negotiation is between the two. The pumps start only when the server's
// first ReadyForQuery is there; until then one goroutine reads one side at a
// time, and nothing of the startup is left over in the session.
//
// # Authentication
//
// The server authenticates the client; pgseal relays its questions and the
// client's answers and knows no password. One case needs more than relaying:
// SCRAM when both hops use TLS. A server that speaks TLS offers
// SCRAM-SHA-256-PLUS, which binds the login to the certificate the client
// sees, and that is pgseal's. Hiding -PLUS from the client does not help: a
// client on TLS that could bind, and is offered no binding, says so (gs2 flag
// "y", as libpq and pgx do by default), the flag is part of what both sides
// sign, and a server that did offer the binding must refuse it as a downgrade.
// No relay can alter the flag. So, when both hops use TLS and the server asks
// for SCRAM:
//
//   - If pgseal presents the same certificate as the server, the binding is
//     true for both hops. The exchange is relayed untouched, with -PLUS, and
//     clients may even insist on it (channel_binding=require). This is the
//     recommended set-up: give pgseal the server's certificate and key.
//   - Otherwise pgseal asks the client for its password inside the client's
//     TLS connection, and answers the server's SCRAM challenge with it, bound
//     to the server's certificate (SCRAM-SHA-256-PLUS on that hop). The
//     server still decides; the password is held for the length of the
//     exchange and neither stored nor logged. Every client with default
//     settings logs in. A client that forbids it
//     (require_auth=scram-sha-256, channel_binding=require) refuses by itself
//     and says why. The remedy for both is the first set-up; for require_auth
//     also a server hop without TLS (Unix socket, or sslmode=disable on
//     loopback).
//
// With TLS on one hop only, or none, SCRAM is relayed; where the client's hop
// has no TLS, -PLUS is taken from the list, because a client refuses a binding
// that it could not make.
//
// The certificate in the upstream URL (sslcert) identifies pgseal, never its
// clients: when the server lets a client in without asking it for anything on
// a connection where that certificate was shown, the client is refused, for
// the server may have taken the certificate for the client's credential.
//
// A verifier that pgseal could hold against the client's proof would need the
// server's pg_authid, and with it a superuser; so nothing is read there.
//
// # Sessions
//
// An engine moves the bytes between the sockets and the session's pure state. It
// knows of a session no more than the interface Protocol. Sessions over TCP or
// Unix sockets, in clear or under TLS, run on a few event loops (looped_linux.go,
// loop_linux.go, tls_linux.go), and what takes long beside them (beside_linux.go).
// On a system without epoll each has a goroutine per
// direction (pumps.go, pump.go). What both share is in relay.go, input.go, join.go
// and ending.go.
package proxy
