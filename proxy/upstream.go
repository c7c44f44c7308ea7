package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/wire"
)

// target is one way to reach a server: an address, with TLS or without.
// sslmode=prefer and allow make two of one host.
type target struct {
	host    string // as the URL names it
	port    uint16
	network string
	address string
	tls     *tls.Config // nil: in clear
}

// upstream is the server side of the upstream URL.
type upstream struct {
	targets []target
	hosts   hosts
	// direct starts TLS without asking first (sslnegotiation=direct).
	direct  bool
	timeout time.Duration // for each target, until it has answered the startup packet
	dialer  net.Dialer
}

func newUpstream(pg *pgconn.Config, shuffled bool, keepAlive time.Duration) *upstream {
	u := &upstream{
		hosts:   hosts{role: pg, accepts: pg.ValidateConnect, shuffled: shuffled},
		direct:  pg.SSLNegotiation == "direct",
		timeout: pg.ConnectTimeout,
		dialer:  net.Dialer{KeepAliveConfig: keepAliveConfig(keepAlive)},
	}
	add := func(host string, port uint16, config *tls.Config) {
		network, address := pgconn.NetworkAddress(host, port)
		u.targets = append(u.targets, target{host, port, network, address, config})
	}
	add(pg.Host, pg.Port, pg.TLSConfig)
	for _, f := range pg.Fallbacks {
		add(f.Host, f.Port, f.TLSConfig)
	}
	return u
}

func keepAliveConfig(idle time.Duration) net.KeepAliveConfig {
	if idle < 0 {
		return net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}
	}
	// A quarter of the idle time between probes: a dead peer is noticed after
	// about twice the idle time.
	return net.KeepAliveConfig{Enable: true, Idle: idle, Interval: max(idle/4, time.Second), Count: 4}
}

// servers counts the different addresses among the targets.
func (u *upstream) servers() int {
	seen := map[string]bool{}
	for _, t := range u.targets {
		seen[t.address] = true
	}
	return len(seen)
}

// serverConn is a connection to a server that has taken the startup packet.
type serverConn struct {
	*peeked
	target target
	tls    *tls.Conn // nil in clear
	// presented reports that the server asked for a client certificate and was
	// shown the one of the upstream URL.
	presented bool
}

// errRefusedTLS is a server without TLS, where TLS is a must.
var errRefusedTLS = errors.New("server does not support SSL, but SSL was required")

// connect tries the targets in libpq's order until one that may take the session
// answers the startup packet with something else than an error that another
// target might not give. It returns the connection with the answer still unread.
// ctx bounds it all.
func (u *upstream) connect(ctx context.Context, packet []byte) (*serverConn, error) {
	var failures []string
	var notPreferred []target
	var refused *serverConn // the last that answered with such an error
	try := func(targets []target, look func(target) error) *serverConn {
		for i, t := range targets {
			err := look(t)
			if errors.Is(err, errNotPreferred) {
				notPreferred = append(notPreferred, t)
				continue
			}
			var c *serverConn
			var refusal string
			if err == nil {
				c, refusal, err = u.try(ctx, t, packet)
			}
			if err != nil {
				failures = append(failures, fmt.Sprintf("%s: %v", t.address, err))
				if ctx.Err() != nil {
					return nil
				}
				continue
			}
			if !retriable(refusal) || refusal == codeInvalidAuthorization && (i+1 == len(targets) || targets[i+1].address != t.address) {
				return c
			}
			if refused != nil {
				refused.Close()
			}
			refused = c
		}
		return nil
	}
	c := try(u.hosts.order(u.targets), func(t target) error { return u.hosts.look(ctx, t) })
	if c == nil && len(notPreferred) > 0 && ctx.Err() == nil {
		c = try(notPreferred, func(target) error { return nil })
	}
	switch {
	case c == nil && refused != nil:
		// Nobody else takes the session: the client gets the server's own words.
		return refused, nil
	case c == nil:
		return nil, errors.New(strings.Join(failures, "; "))
	case refused != nil:
		refused.Close()
	}
	return c, nil
}

// try makes one connection, sends the packet and waits for the answer to begin.
// If the answer is an error, refusal is its SQLSTATE, else "".
func (u *upstream) try(ctx context.Context, t target, packet []byte) (_ *serverConn, refusal string, err error) {
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	c, err := u.dial(ctx, t)
	if err != nil {
		return nil, "", err
	}
	stop := closeOnDone(ctx, c)
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			c.Close()
		}
	}()
	if _, err := c.Write(packet); err != nil {
		return nil, "", err
	}
	if _, err := c.peek(wire.HeaderLen); err != nil {
		return nil, "", fmt.Errorf("no answer to the startup packet: %w", err)
	}
	return c, firstError(c), nil
}

// closeOnDone makes pending reads and writes fail when ctx ends. stop reports
// whether that has not happened.
func closeOnDone(ctx context.Context, c net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
}

// dial connects and brings TLS up where the target has it.
func (u *upstream) dial(ctx context.Context, t target) (_ *serverConn, err error) {
	raw, err := u.dialer.DialContext(ctx, t.network, t.address)
	if err != nil {
		return nil, err
	}
	if t.tls == nil {
		return &serverConn{peeked: &peeked{Conn: raw}, target: t}, nil
	}
	defer func() {
		if err != nil {
			raw.Close()
		}
	}()
	if !u.direct {
		if err := requestTLS(ctx, raw); err != nil {
			return nil, err
		}
	}
	c := &serverConn{target: t}
	config := t.tls.Clone()
	if len(config.Certificates) > 0 {
		config.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			for i := range t.tls.Certificates {
				if asked.SupportsCertificate(&t.tls.Certificates[i]) == nil {
					c.presented = true
					return &t.tls.Certificates[i], nil
				}
			}
			return new(tls.Certificate), nil
		}
	}
	c.tls = tls.Client(&below{Conn: raw}, config)
	if err := c.tls.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	c.peeked = &peeked{Conn: c.tls}
	return c, nil
}

// requestTLS asks the server for TLS. Exactly one byte is read, so nothing that
// was sent in clear after it can pass for something sent under TLS.
func requestTLS(ctx context.Context, c net.Conn) error {
	stop := closeOnDone(ctx, c)
	defer stop()
	request := [8]byte{0, 0, 0, 8, codeTLS >> 24, codeTLS >> 16 & 0xff, codeTLS >> 8 & 0xff, codeTLS & 0xff}
	if _, err := c.Write(request[:]); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := c.Read(answer[:]); err != nil {
		return err
	}
	if answer[0] != 'S' {
		return errRefusedTLS
	}
	return nil
}

// retriable reports whether libpq would go on to the next target after that
// error: to another host when this one is not taking sessions, to the same host
// with or without TLS when its pg_hba.conf does not let the client in this way.
func retriable(refusal string) bool {
	return refusal == codeCannotConnectNow || refusal == codeInvalidAuthorization
}

// maxStartupError bounds the error a server answers the startup packet with,
// as libpq does.
const maxStartupError = 30000

// firstError is the SQLSTATE if the server's first answer is an error, else "".
func firstError(c *serverConn) string {
	typ, size, err := wire.Peek(c.ahead)
	if err != nil || typ != wire.TypeErrorResponse || size > maxStartupError {
		return ""
	}
	frame, err := c.peek(size)
	if err != nil {
		return ""
	}
	fields, err := wire.ParseErrorFields(frame[wire.HeaderLen:])
	if err != nil {
		return ""
	}
	return string(fields.Get(wire.FieldCode))
}
