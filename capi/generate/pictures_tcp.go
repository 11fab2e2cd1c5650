package main

import "libobe/capi/generate/diagram"

func tcpNodes(lib *library) *sketch {
	s := newSketch(lib, "The protocol with LabVIEW's own nodes",
		"TCP Open Connection, Format Into String, TCP Write, TCP Read of ten bytes, TCP Read of as many bytes as these ten digits say, and TCP Close Connection.")
	const y, rows = 92, 4
	open := s.own(200, y, rows, "TCP Open Connection")
	write := s.own(open.Right()+170, y, rows, "TCP Write")
	header := s.own(write.Right()+gap, y, rows, "TCP Read")
	body := s.own(header.Right()+130, y, rows, "TCP Read")
	closing := s.own(body.Right()+60, y, rows, "TCP Close Connection")
	handler := s.own(closing.Right()+40, y, rows, "Simple Error Handler")
	length := s.own(120, 232, 1, "String Length")
	format := s.own(length.Right()+40, 214, 1, "Format Into String")
	number := s.own(header.X()+20, 232, 1, "Decimal String To Number")

	s.ConstantTo(open.In("address"), "127.0.0.1")
	s.ConstantTo(open.In("remote port or service name"), "61981")
	s.ConstantTo(open.In("timeout ms"), "5000")
	s.ConstantTo(header.In("bytes to read"), "10")
	s.ConstantTo(header.In("timeout ms"), "5000")
	s.ConstantTo(body.In("timeout ms"), "5000")
	s.chain(open, write, header, body, closing, handler)
	s.Wire(open.Out("connection ID"), write.In("connection ID"))
	s.Wire(write.Out("connection ID out"), header.In("connection ID"))
	s.Wire(header.Out("connection ID out"), body.In("connection ID"))
	s.Wire(body.Out("connection ID out"), closing.In("connection ID"))

	request := s.Constant(diagram.String, 16, length.In("string").Y(), "request")
	s.Wire(request, length.In("string"))
	s.Wire(request, format.In("input 2"), length.X()-16, 288, format.X()-14)
	s.Wire(s.Constant(diagram.String, length.X()+20, 214, "%010d%s"), format.In("format string"), format.X()-14)
	s.Wire(length.Out("length"), format.In("input 1"))
	s.Wire(format.Out("resulting string"), write.In("data in"), write.X()-24)
	s.Wire(header.Out("data out"), number.In("string"), header.Right()+14, 222, number.X()-14)
	s.Wire(number.Out("number"), body.In("bytes to read"), body.X()-16)
	s.Wire(body.Out("data out"), s.Indicator(diagram.Type{Kind: diagram.String}, body.Right()+40, 222, "reply"), body.Right()+16)
	for i, n := range []*diagram.Placed{open, write, header, body, closing} {
		s.Label(n.X(), y-30, []string{"1", "3", "4", "5", "6"}[i])
	}
	s.Label(format.X()+120, 190, "2")
	s.Label(16, 312, `request is a JSON text, such as {"command": "goodset", "pickiness": 4}, and so is reply.`)
	return s
}
