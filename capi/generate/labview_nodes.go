package main

import (
	"fmt"

	"libobe/capi/generate/diagram"
)

// ownNodes are LabVIEW's own functions and VIs in the pictures, with those of their terminals
// that the pictures wire. The names are those of LabVIEW's help, on the page that the comment
// names below https://rajsite.github.io/unofficial-lvdocs.
var ownNodes = nodes(
	// glang/Simple_Error_Handler.html
	own("Simple Error Handler", in(errorIn), nil),
	// glang/Clear_Errors.html
	own("Clear Errors", in(diagram.I32.In("specific error code to clear"), errorIn), in(diagram.Boolean.In("specific error cleared?"), errorOut)),
	// lvcomm/TCP_Open_Connection.html
	own("TCP Open Connection", in(diagram.String.In("address"), diagram.I32.In("remote port or service name"), diagram.I32.In("timeout ms"), errorIn),
		in(diagram.Reference.In("connection ID"), errorOut)),
	// lvcomm/TCP_Write.html
	own("TCP Write", in(diagram.Reference.In("connection ID"), diagram.String.In("data in"), errorIn),
		in(diagram.Reference.In("connection ID out"), errorOut)),
	// lvcomm/TCP_Read.html
	own("TCP Read", in(diagram.Reference.In("connection ID"), diagram.I32.In("bytes to read"), diagram.I32.In("timeout ms"), errorIn),
		in(diagram.Reference.In("connection ID out"), diagram.String.In("data out"), errorOut)),
	// lvcomm/TCP_Close_Connection.html
	own("TCP Close Connection", in(diagram.Reference.In("connection ID"), errorIn), in(errorOut)),
	// glang/Format_Into_String.html
	own("Format Into String", in(diagram.String.In("format string"), diagram.I32.In("input 1"), diagram.String.In("input 2")),
		in(diagram.String.In("resulting string"))),
	// glang/String_Length.html
	own("String Length", in(diagram.String.In("string")), in(diagram.I32.In("length"))),
	// glang/Decimal_String_To_Number.html
	own("Decimal String To Number", in(diagram.String.In("string")), in(diagram.I32.In("number"))),
	// glang/Open_VI_Reference.html
	own("Open VI Reference", in(diagram.Path.In("vi path"), errorIn), in(diagram.Reference.In("vi reference"), errorOut)),
	// glang/To_More_Specific_Class.html
	own("To More Specific Class", in(diagram.Reference.In("target class"), diagram.Reference.In("reference")),
		in(diagram.Reference.In("specific class reference"), errorOut)),
	// glang/Build_Path.html
	own("Build Path", in(diagram.Path.In("base path"), diagram.Path.In("name or relative path")), in(diagram.Path.In("appended path"))),
	// glang/Recursive_File_List.html
	own("Recursive File List", in(diagram.Path.In("Folder Path"), diagram.String.In("pattern"), errorIn),
		in(diagram.Terminal{Name: "All Files in Dir", Type: diagram.Of(diagram.Path)}, errorOut)),
	// glang/Index_Array.html
	own("Index Array", in(diagram.Terminal{Name: "n-dimension array", Type: diagram.Of(diagram.DBL)}), in(diagram.DBL.In("element or subarray"))),
	// glang/Match_Pattern.html
	own("Match Pattern", in(diagram.String.In("string"), diagram.String.In("regular expression")), in(diagram.String.In("match substring"))),
	// Properties of a VI, with their short names: lvprop/VI_ExeIs_Reentrant.html,
	// lvprop/VI_Execution058Reentrancy_Type.html, lvscript/VI_Block_Diagram.html
	own("Property Node: VI", in(diagram.Reference.In("reference"), diagram.Boolean.In("Exec.IsReentrant"), diagram.I32.In("Exec.ReentrancyType"), errorIn),
		in(diagram.Reference.In("reference out"), diagram.Reference.In("Diagram"), errorOut)),
	// lvscript/AbstractDiagram_Nodes091093.html
	own("Property Node: Diagram", in(diagram.Reference.In("reference"), errorIn),
		in(diagram.Terminal{Name: "Nodes[]", Type: diagram.Of(diagram.Reference)}, errorOut)),
	// lvscript/CallLibrary_p.html
	own("Property Node: CallLibrary", in(diagram.Reference.In("reference"), diagram.Boolean.In("AnyThread"), diagram.Path.In("LibPath"), errorIn),
		in(diagram.Reference.In("reference out"), diagram.String.In("FuncName"), errorOut)),
	own("Property Node: CallLibrary, callbacks", in(diagram.Reference.In("reference"), diagram.String.In("ReserveCallback"),
		diagram.String.In("UnreserveCallback"), diagram.String.In("AbortCallback"), errorIn), in(errorOut)),
	// lvprop/VI_Sve_Instrument.html
	own("Invoke Node: VI, Save.Instrument", in(diagram.Reference.In("reference"), errorIn), in(diagram.Reference.In("reference out"), errorOut)),
	// glang/Close_LV_Object_Reference.html
	own("Close Reference", in(diagram.Reference.In("reference"), errorIn), in(errorOut)),
)

var errorIn, errorOut = diagram.Error.In("error in"), diagram.Error.In("error out")

func in(terminals ...diagram.Terminal) []diagram.Terminal { return terminals }

func own(title string, inputs, outputs []diagram.Terminal) diagram.Node {
	return diagram.Node{Title: title, Inputs: inputs, Outputs: outputs}
}

func nodes(all ...diagram.Node) map[string]diagram.Node {
	byTitle := map[string]diagram.Node{}
	for _, n := range all {
		byTitle[n.Title] = n
	}
	return byTitle
}

// wizardNode returns the VI that the import wizard makes of a function, with the terminals of
// its node.
func wizardNode(lib *library, name string) (diagram.Node, error) {
	for _, g := range nodeGroups(lib) {
		for _, n := range g.Nodes {
			if n.Name == name {
				return nodeOf(n)
			}
		}
	}
	return diagram.Node{}, fmt.Errorf("a picture has a node of %s, which is not a function", name)
}

func nodeOf(n node) (diagram.Node, error) {
	drawn := diagram.Node{Title: n.Name}
	for i, t := range n.Terminals {
		terminal := diagram.Terminal{Name: t.Name}
		switch n.Parameters[i].Type {
		case "int", "int *":
			terminal.Type.Kind = diagram.I32
		case "double", "double *":
			terminal.Type.Kind = diagram.DBL
		case "double[]":
			terminal.Type = diagram.Of(diagram.DBL)
		case "const char *", "char[]":
			terminal.Type.Kind = diagram.String
		default:
			return drawn, fmt.Errorf("%s: a picture cannot show a parameter of type %s", n.Name, n.Parameters[i].Type)
		}
		if t.Direction == "in" {
			drawn.Inputs = append(drawn.Inputs, terminal)
		} else {
			drawn.Outputs = append(drawn.Outputs, terminal)
		}
	}
	drawn.Inputs, drawn.Outputs = append(drawn.Inputs, errorIn), append(drawn.Outputs, errorOut)
	return drawn, nil
}
