package wire

// Parse is the body of a Parse message.
type Parse struct {
	Name, Query []byte
	Types       OIDs
}

// ParseParse reads a Parse body.
func ParseParse(body []byte) (m Parse, err error) {
	r := reader{b: body}
	m.Name, m.Query, m.Types = r.cstring(), r.cstring(), r.oids()
	return m, r.end()
}

// Append appends the frame.
func (m *Parse) Append(dst []byte) []byte {
	dst, start := Begin(dst, TypeParse)
	dst = AppendCString(dst, m.Name)
	dst = AppendCString(dst, m.Query)
	dst = m.Types.Append(dst)
	return End(dst, start)
}

// AppendParse appends a Parse frame made from parts; types may be nil.
func AppendParse[S ~string | ~[]byte](dst []byte, name S, query string, types []uint32) []byte {
	dst, start := Begin(dst, TypeParse)
	dst = AppendCString(dst, name)
	dst = AppendCString(dst, query)
	dst = AppendCount(dst, len(types))
	for _, t := range types {
		dst = AppendOID(dst, t)
	}
	return End(dst, start)
}

// Bind is the body of a Bind message.
type Bind struct {
	Portal, Statement []byte
	ParamFormats      Int16s
	Params            Values
	ResultFormats     Int16s
	Fault             BindFault
}

// BindFault is where a body stops being that of a Bind. What is in front of it has
// been read: PostgreSQL looks at the parts in their order, and has its say on each
// before it finds that the next one is not there.
type BindFault uint8

// The parts that can be cut off.
const (
	NoFault         BindFault = iota
	NoFormats                 // or no number of values
	NoValues                  // Params has the values that are there, but counts all
	NoResultFormats           //
	BytesLeft                 // behind all of it
)

// ParseBind reads a Bind body. That the counts fit each other is the server's
// to judge, not a matter of form.
func ParseBind(body []byte) (m Bind, err error) {
	r := reader{b: body}
	m.Portal, m.Statement, m.ParamFormats = r.cstring(), r.cstring(), r.int16s()
	n := int(r.uint16())
	if r.bad {
		m.Fault = NoFormats
		return m, ErrMalformed
	}
	if m.Params = r.values(n); r.bad {
		m.Fault = NoValues
		return m, ErrMalformed
	}
	m.ResultFormats = r.int16s()
	switch {
	case r.bad:
		m.Fault = NoResultFormats
	case len(r.b) > 0:
		m.Fault = BytesLeft
	}
	return m, r.end()
}

// Append appends the frame.
func (m *Bind) Append(dst []byte) []byte {
	dst, start := Begin(dst, TypeBind)
	dst = AppendCString(dst, m.Portal)
	dst = AppendCString(dst, m.Statement)
	dst = m.ParamFormats.Append(dst)
	dst = AppendCount(dst, m.Params.Len())
	dst = append(dst, m.Params.Bytes()...)
	dst = m.ResultFormats.Append(dst)
	return End(dst, start)
}

// BindNames reads portal and statement name at the head of a Bind body that
// need not be whole; ok is false while they are not there in full.
func BindNames(body []byte) (portal, statement []byte, ok bool) {
	r := reader{b: body}
	portal, statement = r.cstring(), r.cstring()
	return portal, statement, !r.bad
}

// Target is the body of a Describe or Close message: 'S' for a statement, 'P'
// for a portal, and its name.
type Target struct {
	Kind byte
	Name []byte
}

// ParseTarget reads the body of a Describe or Close.
func ParseTarget(body []byte) (m Target, err error) {
	r := reader{b: body}
	m.Kind, m.Name = r.byte(), r.cstring()
	return m, r.end()
}

// AppendTarget appends a Describe or Close frame.
func AppendTarget[S ~string | ~[]byte](dst []byte, typ, kind byte, name S) []byte {
	dst, start := Begin(dst, typ)
	dst = append(dst, kind)
	dst = AppendCString(dst, name)
	return End(dst, start)
}

// Execute is the body of an Execute message.
type Execute struct {
	Portal  []byte
	MaxRows uint32
}

// ParseExecute reads an Execute body.
func ParseExecute(body []byte) (m Execute, err error) {
	r := reader{b: body}
	m.Portal, m.MaxRows = r.cstring(), r.uint32()
	return m, r.end()
}

// AppendExecute appends an Execute frame.
func AppendExecute[S ~string | ~[]byte](dst []byte, portal S, maxRows uint32) []byte {
	dst, start := Begin(dst, TypeExecute)
	dst = AppendCString(dst, portal)
	dst = AppendOID(dst, maxRows)
	return End(dst, start)
}

// ParseQuery reads the text of a Query body.
func ParseQuery(body []byte) (text []byte, err error) {
	r := reader{b: body}
	text = r.cstring()
	return text, r.end()
}

// AppendQuery appends a Query frame.
func AppendQuery[S ~string | ~[]byte](dst []byte, text S) []byte {
	dst, start := Begin(dst, TypeQuery)
	dst = AppendCString(dst, text)
	return End(dst, start)
}

// AppendEmpty appends a frame without a body (Sync, Flush, Terminate, …).
func AppendEmpty(dst []byte, typ byte) []byte { return append(dst, typ, 0, 0, 0, 4) }
