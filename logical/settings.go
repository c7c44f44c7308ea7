package logical

import (
	"strconv"
	"strings"
)

type dateStyle uint8

const (
	styleISO dateStyle = iota
	styleSQL
	stylePostgres
	styleGerman
)

// intervalStyle is how intervals are written.
type intervalStyle uint8

const (
	intervalPostgres intervalStyle = iota
	intervalPostgresVerbose
	intervalSQLStandard
	intervalISO8601
)

var intervalStyles = map[string]intervalStyle{
	"postgres": intervalPostgres, "postgres_verbose": intervalPostgresVerbose,
	"sql_standard": intervalSQLStandard, "iso_8601": intervalISO8601,
}

type dateOrder uint8

const (
	orderMDY dateOrder = iota
	orderDMY
	orderYMD
)

// Settings are the session's settings that decide how values are read and
// written. The zero value, like a nil pointer, is PostgreSQL's default with
// UTF8 and UTC. A Settings may be copied; it must not be changed while in use.
type Settings struct {
	style       dateStyle
	order       dateOrder
	spans       intervalStyle
	byteaEscape bool
	// floatDigits is extra_float_digits less its default 1.
	floatDigits int8
	zone        zone
	encoding    *encoding // nil is UTF8
	// version is the server's major version, 0 if it is not known.
	version uint8
	// foreignServer: server_encoding is not UTF8.
	foreignServer bool
}

// WithUnreported is s with the settings of another that the server does not report:
// extra_float_digits and bytea_output.
func (s Settings) WithUnreported(of *Settings) Settings {
	s.floatDigits, s.byteaEscape = of.floatDigits, of.byteaEscape
	return s
}

// Set takes over a ParameterStatus or a SET. Names are case-insensitive and
// unknown ones are ignored. A time zone or encoding that is not known here is
// remembered as unknown, and conversions that depend on it fail with Code
// 0A000. The error is an *Error for a value that the server refuses too; the
// setting then keeps its value.
func (s *Settings) Set(name, value string) error {
	switch strings.ToLower(name) {
	case "datestyle":
		return s.setDateStyle(value)
	case "intervalstyle":
		style, ok := intervalStyles[strings.ToLower(value)]
		if !ok {
			return invalidSetting("IntervalStyle", value)
		}
		s.spans = style
	case "server_version":
		s.version = majorVersion(value)
	case "timezone":
		s.zone = sessionZone(value)
	case "client_encoding":
		s.encoding = findEncoding(value)
	case "server_encoding":
		s.foreignServer = normalEncodingName(value) != "utf8"
	case "extra_float_digits":
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n < -15 || n > 3 {
			return invalidSetting("extra_float_digits", value)
		}
		s.floatDigits = int8(n - 1)
	case "bytea_output":
		switch strings.ToLower(value) {
		case "hex":
			s.byteaEscape = false
		case "escape":
			s.byteaEscape = true
		default:
			return invalidSetting("bytea_output", value)
		}
	}
	return nil
}

func invalidSetting(name, value string) error {
	return newError(codeInvalidParameter, "invalid value for parameter \""+name+"\": \""+value+"\"")
}

// setDateStyle reads a list of a style and an order, either of which may be
// missing and then stays; German alone implies DMY. What "default" stands for
// is known to the server alone, which reports it.
func (s *Settings) setDateStyle(value string) error {
	style, order := s.style, s.order
	haveStyle, haveOrder, good := false, false, true
	setStyle := func(v dateStyle) {
		good = good && (!haveStyle || style == v)
		style, haveStyle = v, true
	}
	setOrder := func(v dateOrder) {
		good = good && (!haveOrder || order == v)
		order, haveOrder = v, true
	}
	if strings.TrimSpace(value) == "" {
		return nil
	}
	for word := range strings.SplitSeq(value, ",") {
		word = strings.ToLower(strings.Trim(word, " \t\r\n\""))
		switch {
		case word == "iso":
			setStyle(styleISO)
		case word == "sql":
			setStyle(styleSQL)
		case strings.HasPrefix(word, "postgres"):
			setStyle(stylePostgres)
		case word == "german":
			setStyle(styleGerman)
			if !haveOrder {
				order = orderDMY
			}
		case word == "ymd":
			setOrder(orderYMD)
		case word == "dmy", strings.HasPrefix(word, "euro"):
			setOrder(orderDMY)
		case word == "mdy", word == "us", strings.HasPrefix(word, "noneuro"):
			setOrder(orderMDY)
		case word == "default":
		default:
			good = false
		}
	}
	if !good {
		return invalidSetting("DateStyle", value)
	}
	s.style, s.order = style, order
	return nil
}

// extraFloatDigits is the setting of that name; 1 and more mean the shortest
// text that reads back as the same number.
func (s *Settings) extraFloatDigits() int {
	if s == nil {
		return 1
	}
	return int(s.floatDigits) + 1
}

func (s *Settings) dateStyle() (dateStyle, dateOrder) {
	if s == nil {
		return styleISO, orderMDY
	}
	return s.style, s.order
}

func (s *Settings) intervalStyle() intervalStyle {
	if s == nil {
		return intervalPostgres
	}
	return s.spans
}

// defaultVersion is what a server is taken for that has not said its version.
const defaultVersion = 15

// major is the major version of the server, whose behaviour is followed.
func (s *Settings) major() int {
	if s == nil || s.version == 0 {
		return defaultVersion
	}
	return int(s.version)
}

// majorVersion reads "15.4 (Debian 15.4-1)" or "16beta1", 0 if it is neither.
func majorVersion(value string) uint8 {
	end := 0
	for end < len(value) && isDigit(value[end]) {
		end++
	}
	n, err := strconv.ParseUint(value[:end], 10, 8)
	if err != nil {
		return 0
	}
	return uint8(n)
}

func (s *Settings) sessionZone() *zone {
	if s == nil {
		return &zone{}
	}
	return &s.zone
}
