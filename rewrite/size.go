package rewrite

import (
	"unsafe"

	"pgseal/catalog"
)

// measure estimates what a plan takes in memory, in bytes. It has the plan let go of what
// belongs to the analysis of the text, and would keep all of that alive.
func (b built) measure() int {
	const perLiteral, perAction = 12, 80
	n := int(unsafe.Sizeof(Plan{})) + len(b.literals)*perLiteral + len(b.plan.actions)*perAction
	m := measure{formulas: map[*Formula]bool{}, operands: map[*Operand]bool{}}
	for i := range b.plan.pieces {
		p := &b.plan.pieces[i]
		n += int(unsafe.Sizeof(*p)) + len(p.text) + len(p.after)
		if p.value != nil {
			n += int(unsafe.Sizeof(*p.value))
			m.operand(p.value.operand)
			for _, part := range p.value.array {
				n += int(unsafe.Sizeof(part))
			}
		}
	}
	for i := range b.plan.statements {
		m.statement(&b.plan.statements[i])
	}
	return n + m.bytes
}

// measure counts what the statements of a plan take.
type measure struct {
	bytes    int
	formulas map[*Formula]bool
	operands map[*Operand]bool
}

const pointer = int(unsafe.Sizeof(uintptr(0)))

func (m *measure) statement(s *Statement) {
	m.bytes += int(unsafe.Sizeof(*s))
	for _, r := range s.Results {
		if m.bytes += pointer; r != nil && r.ID == 0 { // made for the plan
			m.bytes += int(unsafe.Sizeof(*r)) + len(r.Cells)*pointer
		}
	}
	m.list(s.Formulas)
	m.list(s.Unshown)
	for i := range s.Params {
		m.bytes += int(unsafe.Sizeof(s.Params[i]))
		m.operand(s.Params[i].Operand)
	}
	m.bytes += len(s.Origins) * int(unsafe.Sizeof(catalog.Attribute{}))
	if q := s.Question; q != nil {
		m.bytes += int(unsafe.Sizeof(*q)) + len(q.Text) + len(q.spans)*int(unsafe.Sizeof(questionSpan{})) + len(q.Params)*int(unsafe.Sizeof(QuestionParam{}))
		for _, p := range q.parts {
			m.bytes += int(unsafe.Sizeof(p)) + len(p.sql)
		}
	}
	if c := s.Copy; c != nil {
		m.bytes += int(unsafe.Sizeof(*c))
		m.list(c.Formulas)
		for i := range c.Columns {
			m.bytes += int(unsafe.Sizeof(c.Columns[i]))
			m.operand(c.Columns[i].Operand)
			m.formula(c.Columns[i].Formula)
		}
		for i := range c.Added {
			m.operand(c.Added[i].Operand)
		}
	}
	if a := s.Arrangement; a != nil {
		m.bytes += int(unsafe.Sizeof(*a)) + len(a.Keys)*int(unsafe.Sizeof(SortKey{}))
	}
	if s.Inner != nil {
		m.statement(s.Inner)
	}
}

func (m *measure) operand(o *Operand) {
	if o == nil || m.operands[o] {
		return
	}
	m.operands[o] = true
	m.bytes += int(unsafe.Sizeof(*o))
	if o.Column != nil && o.Column.ID == 0 {
		m.bytes += int(unsafe.Sizeof(*o.Column))
	}
	m.formula(o.Formula)
}

func (m *measure) list(formulas []*Formula) {
	for _, f := range formulas {
		m.bytes += pointer
		m.formula(f)
	}
}

func (m *measure) formula(f *Formula) {
	if f == nil || m.formulas[f] {
		return
	}
	m.formulas[f] = true
	f.in, f.served = nil, nil
	m.bytes += int(unsafe.Sizeof(*f)) + len(f.sql)
	m.list(f.Args)
	m.list(f.Row)
	if w := f.Window; w != nil {
		w.call = nil
		m.bytes += int(unsafe.Sizeof(*w)) + len(w.Keys)*int(unsafe.Sizeof(WindowKey{}))
	}
}
