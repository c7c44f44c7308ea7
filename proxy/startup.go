package proxy

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"pgseal/wire"
)

// Codes that stand where a startup packet has its protocol version.
const (
	codeCancel = 1234<<16 | 5678
	codeTLS    = 1234<<16 | 5679
	codeGSS    = 1234<<16 | 5680
)

const (
	// maxStartup is PostgreSQL's limit on a startup packet, length included.
	maxStartup = 10000
	minStartup = 8

	protocolMajor = 3

	// tlsHandshake is the first byte of a client that speaks TLS without
	// asking first.
	tlsHandshake = 0x16

	// alpn is what such a client must name, so that TLS of another protocol
	// cannot be turned against a database.
	alpn = "postgresql"
)

// errSilent ends a connection without an answer, where PostgreSQL gives none:
// the client was gone, or sent nothing that a PostgreSQL client sends.
var errSilent = errors.New("no startup packet")

// errPacketLength is a first packet of a length that none has. PostgreSQL tells
// its log and not the client, who is probably no client of PostgreSQL's, or one
// that ended its session before it began it.
var errPacketLength = errors.New("invalid length of startup packet")

// startup is what a client asked for when it connected.
type startup struct {
	packet []byte // as received, length included
	cancel []byte // the key of a cancel request; nil for a session
	names  []string
	values []string
}

// parameter returns the last value given for a parameter of the packet, as
// PostgreSQL takes it.
func (s *startup) parameter(name string) (string, bool) {
	for i := len(s.names) - 1; i >= 0; i-- {
		if s.names[i] == name {
			return s.values[i], true
		}
	}
	return "", false
}

// database is the database that the client asked for.
func (s *startup) database() string {
	if d, _ := s.parameter("database"); d != "" {
		return d
	}
	u, _ := s.parameter("user")
	return u
}

// negotiation answers requests for encryption until the startup packet comes.
type negotiation struct {
	config      *tls.Config // nil: no TLS
	conn        *peeked
	tls         *tls.Conn // nil while in clear
	certificate []byte    // the leaf that was shown to the client, DER
	asked       struct{ tls, gss bool }
}

// run returns the startup packet or cancel request. On return conn is what the
// session goes on with.
func (n *negotiation) run() (*startup, error) {
	first, err := n.conn.peek(1)
	if err != nil {
		return nil, errSilent
	}
	if first[0] == tlsHandshake && n.config != nil {
		if err := n.handshake(true); err != nil {
			return nil, err
		}
		n.asked.tls = true
	}
	for {
		packet, err := n.packet()
		if err != nil {
			return nil, err
		}
		switch code := binary.BigEndian.Uint32(packet[4:]); {
		case code == codeCancel:
			return &startup{packet: packet, cancel: packet[8:]}, nil
		case code == codeTLS && !n.asked.tls:
			n.asked.tls = true
			if err := n.answerTLS(); err != nil {
				return nil, err
			}
		case code == codeGSS && !n.asked.gss:
			n.asked.gss = true
			if len(n.conn.ahead) > 0 {
				return nil, protocolViolation("received unencrypted data after GSSAPI encryption request")
			}
			if _, err := n.conn.Write([]byte{'N'}); err != nil {
				return nil, errSilent
			}
		default:
			return parseStartup(packet)
		}
	}
}

// certified reports whether the client has shown a certificate where it must. A
// Unix socket is guarded by its file.
func (n *negotiation) certified() bool {
	if n.config == nil || n.config.ClientCAs == nil {
		return true
	}
	if n.tls != nil {
		return len(n.tls.ConnectionState().VerifiedChains) > 0
	}
	_, local := n.conn.Conn.(*net.UnixConn)
	return local
}

// packet consumes one packet of the startup. Its length is checked before any
// memory is set aside for it.
func (n *negotiation) packet() ([]byte, error) {
	head, err := n.conn.peek(4)
	if err != nil {
		return nil, errSilent
	}
	size := binary.BigEndian.Uint32(head)
	if size < minStartup || size > maxStartup {
		return nil, errPacketLength
	}
	packet, err := n.conn.peek(int(size))
	if err != nil {
		return nil, errSilent
	}
	n.conn.discard(int(size))
	return packet, nil
}

// answerTLS answers an SSLRequest.
func (n *negotiation) answerTLS() error {
	if len(n.conn.ahead) > 0 {
		// Whoever sits between could have put statements in front of the
		// encrypted ones (CVE-2021-23222).
		return protocolViolation("received unencrypted data after SSL request")
	}
	answer := byte('S')
	if n.config == nil {
		answer = 'N'
	}
	if _, err := n.conn.Write([]byte{answer}); err != nil {
		return errSilent
	}
	if n.config == nil {
		return nil
	}
	return n.handshake(false)
}

// handshake puts TLS on the connection. Its failures get no ErrorResponse: the
// alert has told the client, and nothing else can be said in a broken TLS.
func (n *negotiation) handshake(direct bool) error {
	config := n.config.Clone()
	// A resumed session would not say which certificate the client knows us
	// by; libpq does not resume either.
	config.SessionTicketsDisabled = true
	config.NextProtos = []string{alpn}
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, err := chooseCertificate(n.config, hello)
		if err == nil && c != nil && len(c.Certificate) > 0 {
			n.certificate = c.Certificate[0]
		}
		return c, err
	}
	if config.ClientCAs != nil {
		// A client without one is told so in words, once it can be spoken to.
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	// Leaving Certificates empty makes crypto/tls ask GetCertificate always.
	config.Certificates = nil
	conn := tls.Server(&below{Conn: n.conn}, config)
	if err := conn.Handshake(); err != nil {
		return handshakeError{err}
	}
	if direct && conn.ConnectionState().NegotiatedProtocol != alpn {
		n.conn, n.tls = &peeked{Conn: conn}, conn
		return protocolViolation("received direct SSL connection request without ALPN protocol negotiation extension")
	}
	n.conn, n.tls = &peeked{Conn: conn}, conn
	return nil
}

// handshakeError is a TLS handshake that failed.
type handshakeError struct{ err error }

func (e handshakeError) Error() string { return "TLS handshake with the client: " + e.err.Error() }
func (e handshakeError) Unwrap() error { return e.err }

// chooseCertificate selects as crypto/tls would.
func chooseCertificate(c *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.GetCertificate != nil {
		if cert, err := c.GetCertificate(hello); cert != nil || err != nil {
			return cert, err
		}
	}
	for i := range c.Certificates {
		if hello.SupportsCertificate(&c.Certificates[i]) == nil {
			return &c.Certificates[i], nil
		}
	}
	if len(c.Certificates) > 0 {
		return &c.Certificates[0], nil
	}
	return nil, errors.New("no certificate")
}

// parseStartup reads a startup packet: a protocol version, then pairs of
// zero-terminated names and values, then a zero.
func parseStartup(packet []byte) (*startup, error) {
	version := binary.BigEndian.Uint32(packet[4:])
	if version>>16 != protocolMajor {
		return nil, &wire.Error{
			Severity: wire.SeverityFatal,
			Code:     codeFeatureNotSupported,
			Message:  fmt.Sprintf("unsupported frontend protocol %d.%d: server supports 3.0 to 3.2", version>>16, version&0xffff),
		}
	}
	s := &startup{packet: packet}
	rest := packet[8:]
	for {
		name, after, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, protocolViolation("invalid startup packet layout: expected terminator as last byte")
		}
		if len(name) == 0 {
			rest = after
			break
		}
		value, after, ok := bytes.Cut(after, []byte{0})
		if !ok {
			return nil, protocolViolation("invalid startup packet layout: expected terminator as last byte")
		}
		s.names = append(s.names, string(name))
		s.values = append(s.values, string(value))
		rest = after
	}
	if len(rest) != 0 {
		return nil, protocolViolation("invalid startup packet layout: expected terminator as last byte")
	}
	return s, nil
}

// closeWriter is a connection that can say it has no more to send.
type closeWriter interface{ CloseWrite() error }

var (
	_ closeWriter = (*net.TCPConn)(nil)
	_ closeWriter = (*net.UnixConn)(nil)
	_ closeWriter = (*tls.Conn)(nil)
)
