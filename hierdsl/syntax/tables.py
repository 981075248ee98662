"""What the parser does in each state: written by scripts/tables.py from grammars/hierdsl.lark, not by hand.

- `TERMINALS`: the expression of each token, in the order in which they are tried; `IGNORED` is dropped.
- `RULES`: name, number of symbols, and which of their values are kept; of those that are True the parts are.
- `STATES`: for each symbol that may follow the state that comes next, or ~n to reduce by rule n. It starts in
  state 0, and ends in the one behind `start` there.
"""
# ruff: noqa: E501, Q000, RUF005, RUF100
# fmt: off

TERMINALS: dict[str, str] = {
    'PLAIN': '(?:(?:[ \t]*+(?:#[^\n]*+)?+\n)++[ \t]++[^\\W\\d][\\w.\\-\u0300-\u036f]*+(?:[ \t]*+=[ \t]*+[0-9]++(?:[ \t]*+\\.\\.[ \t]*+[0-9]++)?+(?:[ \t]*+,[ \t]*+[0-9]++(?:[ \t]*+\\.\\.[ \t]*+[0-9]++)?+)*+)?+(?=[ \t]*+(?:#[^\n]*+)?+\n)){1,200}+',
    'TOLERANCE': 'tolerance(?=[ \t]+[+\\-]?[0-9.])',
    'CHANNELS': 'channels(?=[ \t]+labels(?![\\w.\\-]))',
    'RGB': 'rgb(?=[ \t]*\\()',
    'IDS': '[0-9]++(?:[ \t]*+\\.\\.[ \t]*+[0-9]++)?+(?:[ \t]*+,[ \t]*+[0-9]++(?:[ \t]*+\\.\\.[ \t]*+[0-9]++)?+)*+',
    'NUMBER': '[+\\-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+\\-]?[0-9]+)?',
    'BODY': '(?:[ \t]*(?:#[^\n]*)?\n)+[ \t]+(?=[^ \t\n#])',
    '_TOP': '(?:[ \t]*(?:#[^\n]*)?\n)+(?![ \t\n#])',
    'STRING': '"(?:[^"\\\\\n]++|\\\\["\\\\])*+"',
    'NAME': '[^\\W\\d][\\w.\\-\u0300-\u036f]*',
    'INT': '[0-9]+',
    '__IGNORE_0': '[ \t]+',
    'HIERARCHY': 'hierarchy(?![\\w.\\-])',
    'COLLAPSE': 'collapse(?![\\w.\\-])',
    'LABELS': 'labels(?![\\w.\\-])',
    'LEVELS': 'levels(?![\\w.\\-])',
    'MIRROR': 'mirror(?![\\w.\\-])',
    'RENAME': 'rename(?![\\w.\\-])',
    'GRAFT': 'graft(?![\\w.\\-])',
    'MERGE': 'merge(?![\\w.\\-])',
    'UNDER': 'under(?![\\w.\\-])',
    'DROP': 'drop(?![\\w.\\-])',
    'EDIT': 'edit(?![\\w.\\-])',
    'TREE': 'tree(?![\\w.\\-])',
    'USE': 'use(?![\\w.\\-])',
    'SWAP': '<\\->',
    'AS': 'as(?![\\w.\\-])',
    'ARROW': '\\->',
    'COMMA': ',',
    'EQUAL': '=',
    'LPAR': '\\(',
    'LSQB': '\\[',
    'RPAR': '\\)',
    'RSQB': '\\]',
    'SLASH': '/',
    'STAR': '\\*',
}
IGNORED: frozenset[str] = frozenset(['__IGNORE_0'])
RULES: tuple[tuple[str, int, tuple[tuple[int, bool], ...]], ...] = (
    ('___ids_star_9', 2, ((1, False),)),  # -1: COMMA IDS
    ('___ids_star_9', 2, ((1, False),)),  # -2: COMMA color
    ('___ids_star_9', 3, ((0, True), (2, False))),  # -3: ___ids_star_9 COMMA IDS
    ('___ids_star_9', 3, ((0, True), (2, False))),  # -4: ___ids_star_9 COMMA color
    ('__attributes_star_10', 2, ((1, False),)),  # -5: COMMA attribute
    ('__attributes_star_10', 3, ((0, True), (2, False))),  # -6: __attributes_star_10 COMMA attribute
    ('__drop_star_3', 2, ((1, False),)),  # -7: COMMA reference
    ('__drop_star_3', 3, ((0, True), (2, False))),  # -8: __drop_star_3 COMMA reference
    ('__header_star_1', 2, ((0, False), (1, False))),  # -9: BODY channels
    ('__header_star_1', 2, ((0, False), (1, False))),  # -10: BODY field
    ('__header_star_1', 3, ((0, True), (1, False), (2, False))),  # -11: __header_star_1 BODY channels
    ('__header_star_1', 3, ((0, True), (1, False), (2, False))),  # -12: __header_star_1 BODY field
    ('__labels_star_6', 2, ((0, False), (1, False))),  # -13: BODY label
    ('__labels_star_6', 2, ((0, False), (1, False))),  # -14: BODY tolerance
    ('__labels_star_6', 1, ((0, False),)),  # -15: PLAIN
    ('__labels_star_6', 3, ((0, True), (1, False), (2, False))),  # -16: __labels_star_6 BODY label
    ('__labels_star_6', 3, ((0, True), (1, False), (2, False))),  # -17: __labels_star_6 BODY tolerance
    ('__labels_star_6', 2, ((0, True), (1, False))),  # -18: __labels_star_6 PLAIN
    ('__levels_star_4', 2, ((0, False), (1, False))),  # -19: BODY level
    ('__levels_star_4', 3, ((0, True), (1, False), (2, False))),  # -20: __levels_star_4 BODY level
    ('__mirror_star_7', 2, ((0, False), (1, False))),  # -21: BODY pair
    ('__mirror_star_7', 3, ((0, True), (1, False), (2, False))),  # -22: __mirror_star_7 BODY pair
    ('__reference_star_8', 2, ((0, False), (1, False))),  # -23: SLASH name
    ('__reference_star_8', 3, ((0, True), (1, False), (2, False))),  # -24: __reference_star_8 SLASH name
    ('__start_star_0', 3, ((0, True), (1, True))),  # -25: __start_star_0 _section _TOP
    ('__start_star_0', 2, ((0, True),)),  # -26: _section _TOP
    ('__tree_star_5', 2, ((0, False), (1, False))),  # -27: BODY node
    ('__tree_star_5', 1, ((0, False),)),  # -28: PLAIN
    ('__tree_star_5', 3, ((0, True), (1, False), (2, False))),  # -29: __tree_star_5 BODY node
    ('__tree_star_5', 2, ((0, True), (1, False))),  # -30: __tree_star_5 PLAIN
    ('__use_star_2', 2, ((0, False), (1, True))),  # -31: BODY _edit
    ('__use_star_2', 3, ((0, True), (1, False), (2, True))),  # -32: __use_star_2 BODY _edit
    ('_edit', 1, ((0, False),)),  # -33: collapse
    ('_edit', 1, ((0, False),)),  # -34: drop
    ('_edit', 1, ((0, False),)),  # -35: graft
    ('_edit', 1, ((0, False),)),  # -36: merge
    ('_edit', 1, ((0, False),)),  # -37: rename
    ('_ids', 1, ((0, False),)),  # -38: IDS
    ('_ids', 2, ((0, False), (1, True))),  # -39: IDS ___ids_star_9
    ('_ids', 1, ((0, False),)),  # -40: color
    ('_ids', 2, ((0, False), (1, True))),  # -41: color ___ids_star_9
    ('_section', 1, ((0, False),)),  # -42: edit
    ('_section', 1, ((0, False),)),  # -43: header
    ('_section', 1, ((0, False),)),  # -44: labels
    ('_section', 1, ((0, False),)),  # -45: levels
    ('_section', 1, ((0, False),)),  # -46: mirror
    ('_section', 1, ((0, False),)),  # -47: tree
    ('_section', 1, ((0, False),)),  # -48: use
    ('attribute', 1, ((0, False),)),  # -49: NAME
    ('attribute', 3, ((0, False), (2, False))),  # -50: NAME EQUAL value
    ('attributes', 3, ((1, False),)),  # -51: LSQB attribute RSQB
    ('attributes', 4, ((1, False), (2, True))),  # -52: LSQB attribute __attributes_star_10 RSQB
    ('channels', 2, ((0, False), (1, False))),  # -53: CHANNELS LABELS
    ('channels', 3, ((0, False), (1, False), (2, False))),  # -54: CHANNELS LABELS NAME
    ('collapse', 2, ((0, False), (1, False))),  # -55: COLLAPSE reference
    ('collapse', 3, ((0, False), (1, False), (2, True))),  # -56: COLLAPSE reference __drop_star_3
    ('color', 8, ((0, False), (2, False), (4, False), (6, False), (7, False))),  # -57: RGB LPAR INT COMMA INT COMMA INT RPAR
    ('color', 1, ((0, False),)),  # -58: STRING
    ('drop', 2, ((0, False), (1, False))),  # -59: DROP reference
    ('drop', 3, ((0, False), (1, False), (2, True))),  # -60: DROP reference __drop_star_3
    ('edit', 1, ((0, False),)),  # -61: EDIT
    ('edit', 2, ((0, False), (1, True))),  # -62: EDIT __use_star_2
    ('field', 2, ((0, False), (1, False))),  # -63: NAME STRING
    ('graft', 2, ((0, False), (1, False))),  # -64: GRAFT reference
    ('graft', 4, ((0, False), (1, False), (2, False), (3, False))),  # -65: GRAFT reference UNDER reference
    ('header', 1, ((0, False),)),  # -66: HIERARCHY
    ('header', 2, ((0, False), (1, False))),  # -67: HIERARCHY NAME
    ('header', 3, ((0, False), (1, False), (2, True))),  # -68: HIERARCHY NAME __header_star_1
    ('header', 3, ((0, False), (1, False), (2, False))),  # -69: HIERARCHY NAME title
    ('header', 4, ((0, False), (1, False), (2, False), (3, True))),  # -70: HIERARCHY NAME title __header_star_1
    ('header', 2, ((0, False), (1, True))),  # -71: HIERARCHY __header_star_1
    ('header', 2, ((0, False), (1, False))),  # -72: HIERARCHY title
    ('header', 3, ((0, False), (1, False), (2, True))),  # -73: HIERARCHY title __header_star_1
    ('label', 3, ((0, False), (2, False))),  # -74: reference EQUAL STAR
    ('label', 3, ((0, False), (2, True))),  # -75: reference EQUAL _ids
    ('labels', 1, ((0, False),)),  # -76: LABELS
    ('labels', 2, ((0, False), (1, False))),  # -77: LABELS NAME
    ('labels', 3, ((0, False), (1, False), (2, True))),  # -78: LABELS NAME __labels_star_6
    ('labels', 2, ((0, False), (1, True))),  # -79: LABELS __labels_star_6
    ('level', 1, ((0, False),)),  # -80: name
    ('level', 2, ((0, False), (1, False))),  # -81: name attributes
    ('levels', 1, ((0, False),)),  # -82: LEVELS
    ('levels', 2, ((0, False), (1, True))),  # -83: LEVELS __levels_star_4
    ('merge', 5, ((0, False), (1, False), (2, True), (3, False), (4, False))),  # -84: MERGE reference __drop_star_3 AS name
    ('mirror', 1, ((0, False),)),  # -85: MIRROR
    ('mirror', 2, ((0, False), (1, True))),  # -86: MIRROR __mirror_star_7
    ('name', 1, ((0, False),)),  # -87: NAME
    ('name', 1, ((0, False),)),  # -88: STRING
    ('node', 1, ((0, False),)),  # -89: name
    ('node', 3, ((0, False), (2, True))),  # -90: name EQUAL _ids
    ('node', 4, ((0, False), (2, True), (3, False))),  # -91: name EQUAL _ids attributes
    ('node', 2, ((0, False), (1, False))),  # -92: name attributes
    ('pair', 3, ((0, False), (1, False), (2, False))),  # -93: reference SWAP reference
    ('reference', 2, ((0, False), (1, False))),  # -94: SLASH name
    ('reference', 3, ((0, False), (1, False), (2, True))),  # -95: SLASH name __reference_star_8
    ('reference', 1, ((0, False),)),  # -96: name
    ('reference', 2, ((0, False), (1, True))),  # -97: name __reference_star_8
    ('rename', 4, ((0, False), (1, False), (2, False), (3, False))),  # -98: RENAME reference ARROW name
    ('start', 1, ()),  # -99: _TOP
    ('start', 2, ((1, True),)),  # -100: _TOP __start_star_0
    ('title', 1, ((0, False),)),  # -101: STRING
    ('tolerance', 2, ((0, False), (1, False))),  # -102: TOLERANCE NUMBER
    ('tree', 1, ((0, False),)),  # -103: TREE
    ('tree', 2, ((0, False), (1, True))),  # -104: TREE __tree_star_5
    ('use', 1, ((0, False),)),  # -105: USE
    ('use', 2, ((0, False), (1, False))),  # -106: USE AS
    ('use', 3, ((0, False), (1, False), (2, False))),  # -107: USE AS NAME
    ('use', 4, ((0, False), (1, False), (2, False), (3, True))),  # -108: USE AS NAME __use_star_2
    ('use', 3, ((0, False), (1, False), (2, True))),  # -109: USE AS __use_star_2
    ('use', 2, ((0, False), (1, False))),  # -110: USE STRING
    ('use', 3, ((0, False), (1, False), (2, False))),  # -111: USE STRING AS
    ('use', 4, ((0, False), (1, False), (2, False), (3, False))),  # -112: USE STRING AS NAME
    ('use', 5, ((0, False), (1, False), (2, False), (3, False), (4, True))),  # -113: USE STRING AS NAME __use_star_2
    ('use', 4, ((0, False), (1, False), (2, False), (3, True))),  # -114: USE STRING AS __use_star_2
    ('use', 3, ((0, False), (1, False), (2, True))),  # -115: USE STRING __use_star_2
    ('use', 2, ((0, False), (1, True))),  # -116: USE __use_star_2
    ('value', 1, ((0, False),)),  # -117: NAME
    ('value', 1, ((0, False),)),  # -118: NUMBER
    ('value', 8, ((0, False), (2, False), (4, False), (6, False), (7, False))),  # -119: RGB LPAR INT COMMA INT COMMA INT RPAR
    ('value', 1, ((0, False),)),  # -120: STRING
)
STATES: tuple[dict[str, int], ...] = (
    {'_TOP': 1, 'start': 2},  # 0
    {'$END': -99, 'EDIT': 3, 'HIERARCHY': 4, 'LABELS': 5, 'LEVELS': 6, 'MIRROR': 7, 'TREE': 8, 'USE': 9, '__start_star_0': 10, '_section': 11, 'edit': 12, 'header': 13, 'labels': 14, 'levels': 15, 'mirror': 16, 'tree': 17, 'use': 18},  # 1
    {},  # 2
    {'BODY': 19, '_TOP': -61, '__use_star_2': 20},  # 3
    {'BODY': 21, 'NAME': 22, 'STRING': 23, '_TOP': -66, '__header_star_1': 24, 'title': 25},  # 4
    {'BODY': 26, 'NAME': 27, 'PLAIN': 28, '_TOP': -76, '__labels_star_6': 29},  # 5
    {'BODY': 30, '_TOP': -82, '__levels_star_4': 31},  # 6
    {'BODY': 32, '_TOP': -85, '__mirror_star_7': 33},  # 7
    {'BODY': 34, 'PLAIN': 35, '_TOP': -103, '__tree_star_5': 36},  # 8
    {'AS': 37, 'BODY': 19, 'STRING': 38, '_TOP': -105, '__use_star_2': 39},  # 9
    {'$END': -100, 'EDIT': 3, 'HIERARCHY': 4, 'LABELS': 5, 'LEVELS': 6, 'MIRROR': 7, 'TREE': 8, 'USE': 9, '_section': 40, 'edit': 12, 'header': 13, 'labels': 14, 'levels': 15, 'mirror': 16, 'tree': 17, 'use': 18},  # 10
    {'_TOP': 41},  # 11
    {'_TOP': -42},  # 12
    {'_TOP': -43},  # 13
    {'_TOP': -44},  # 14
    {'_TOP': -45},  # 15
    {'_TOP': -46},  # 16
    {'_TOP': -47},  # 17
    {'_TOP': -48},  # 18
    {'COLLAPSE': 42, 'DROP': 43, 'GRAFT': 44, 'MERGE': 45, 'RENAME': 46, '_edit': 47, 'collapse': 48, 'drop': 49, 'graft': 50, 'merge': 51, 'rename': 52},  # 19
    {'BODY': 53, '_TOP': -62},  # 20
    {'CHANNELS': 54, 'NAME': 55, 'channels': 56, 'field': 57},  # 21
    {'BODY': 21, 'STRING': 23, '_TOP': -67, '__header_star_1': 58, 'title': 59},  # 22
    {'BODY': -101, '_TOP': -101},  # 23
    {'BODY': 60, '_TOP': -71},  # 24
    {'BODY': 21, '_TOP': -72, '__header_star_1': 61},  # 25
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'TOLERANCE': 65, 'label': 66, 'name': 67, 'reference': 68, 'tolerance': 69},  # 26
    {'BODY': 26, 'PLAIN': 28, '_TOP': -77, '__labels_star_6': 70},  # 27
    {'BODY': -15, 'PLAIN': -15, '_TOP': -15},  # 28
    {'BODY': 71, 'PLAIN': 72, '_TOP': -79},  # 29
    {'NAME': 62, 'STRING': 64, 'level': 73, 'name': 74},  # 30
    {'BODY': 75, '_TOP': -83},  # 31
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'pair': 76, 'reference': 77},  # 32
    {'BODY': 78, '_TOP': -86},  # 33
    {'NAME': 62, 'STRING': 64, 'name': 79, 'node': 80},  # 34
    {'BODY': -28, 'PLAIN': -28, '_TOP': -28},  # 35
    {'BODY': 81, 'PLAIN': 82, '_TOP': -104},  # 36
    {'BODY': 19, 'NAME': 83, '_TOP': -106, '__use_star_2': 84},  # 37
    {'AS': 85, 'BODY': 19, '_TOP': -110, '__use_star_2': 86},  # 38
    {'BODY': 53, '_TOP': -116},  # 39
    {'_TOP': 87},  # 40
    {'$END': -26, 'EDIT': -26, 'HIERARCHY': -26, 'LABELS': -26, 'LEVELS': -26, 'MIRROR': -26, 'TREE': -26, 'USE': -26},  # 41
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 88},  # 42
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 89},  # 43
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 90},  # 44
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 91},  # 45
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 92},  # 46
    {'BODY': -31, '_TOP': -31},  # 47
    {'BODY': -33, '_TOP': -33},  # 48
    {'BODY': -34, '_TOP': -34},  # 49
    {'BODY': -35, '_TOP': -35},  # 50
    {'BODY': -36, '_TOP': -36},  # 51
    {'BODY': -37, '_TOP': -37},  # 52
    {'COLLAPSE': 42, 'DROP': 43, 'GRAFT': 44, 'MERGE': 45, 'RENAME': 46, '_edit': 93, 'collapse': 48, 'drop': 49, 'graft': 50, 'merge': 51, 'rename': 52},  # 53
    {'LABELS': 94},  # 54
    {'STRING': 95},  # 55
    {'BODY': -9, '_TOP': -9},  # 56
    {'BODY': -10, '_TOP': -10},  # 57
    {'BODY': 60, '_TOP': -68},  # 58
    {'BODY': 21, '_TOP': -69, '__header_star_1': 96},  # 59
    {'CHANNELS': 54, 'NAME': 55, 'channels': 97, 'field': 98},  # 60
    {'BODY': 60, '_TOP': -73},  # 61
    {'ARROW': -87, 'AS': -87, 'BODY': -87, 'COMMA': -87, 'EQUAL': -87, 'LSQB': -87, 'PLAIN': -87, 'SLASH': -87, 'SWAP': -87, 'UNDER': -87, '_TOP': -87},  # 62
    {'NAME': 62, 'STRING': 64, 'name': 99},  # 63
    {'ARROW': -88, 'AS': -88, 'BODY': -88, 'COMMA': -88, 'EQUAL': -88, 'LSQB': -88, 'PLAIN': -88, 'SLASH': -88, 'SWAP': -88, 'UNDER': -88, '_TOP': -88},  # 64
    {'NUMBER': 100},  # 65
    {'BODY': -13, 'PLAIN': -13, '_TOP': -13},  # 66
    {'ARROW': -96, 'AS': -96, 'BODY': -96, 'COMMA': -96, 'EQUAL': -96, 'SLASH': 101, 'SWAP': -96, 'UNDER': -96, '_TOP': -96, '__reference_star_8': 102},  # 67
    {'EQUAL': 103},  # 68
    {'BODY': -14, 'PLAIN': -14, '_TOP': -14},  # 69
    {'BODY': 71, 'PLAIN': 72, '_TOP': -78},  # 70
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'TOLERANCE': 65, 'label': 104, 'name': 67, 'reference': 68, 'tolerance': 105},  # 71
    {'BODY': -18, 'PLAIN': -18, '_TOP': -18},  # 72
    {'BODY': -19, '_TOP': -19},  # 73
    {'BODY': -80, 'LSQB': 106, '_TOP': -80, 'attributes': 107},  # 74
    {'NAME': 62, 'STRING': 64, 'level': 108, 'name': 74},  # 75
    {'BODY': -21, '_TOP': -21},  # 76
    {'SWAP': 109},  # 77
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'pair': 110, 'reference': 77},  # 78
    {'BODY': -89, 'EQUAL': 111, 'LSQB': 106, 'PLAIN': -89, '_TOP': -89, 'attributes': 112},  # 79
    {'BODY': -27, 'PLAIN': -27, '_TOP': -27},  # 80
    {'NAME': 62, 'STRING': 64, 'name': 79, 'node': 113},  # 81
    {'BODY': -30, 'PLAIN': -30, '_TOP': -30},  # 82
    {'BODY': 19, '_TOP': -107, '__use_star_2': 114},  # 83
    {'BODY': 53, '_TOP': -109},  # 84
    {'BODY': 19, 'NAME': 115, '_TOP': -111, '__use_star_2': 116},  # 85
    {'BODY': 53, '_TOP': -115},  # 86
    {'$END': -25, 'EDIT': -25, 'HIERARCHY': -25, 'LABELS': -25, 'LEVELS': -25, 'MIRROR': -25, 'TREE': -25, 'USE': -25},  # 87
    {'BODY': -55, 'COMMA': 117, '_TOP': -55, '__drop_star_3': 118},  # 88
    {'BODY': -59, 'COMMA': 117, '_TOP': -59, '__drop_star_3': 119},  # 89
    {'BODY': -64, 'UNDER': 120, '_TOP': -64},  # 90
    {'COMMA': 117, '__drop_star_3': 121},  # 91
    {'ARROW': 122},  # 92
    {'BODY': -32, '_TOP': -32},  # 93
    {'BODY': -53, 'NAME': 123, '_TOP': -53},  # 94
    {'BODY': -63, '_TOP': -63},  # 95
    {'BODY': 60, '_TOP': -70},  # 96
    {'BODY': -11, '_TOP': -11},  # 97
    {'BODY': -12, '_TOP': -12},  # 98
    {'ARROW': -94, 'AS': -94, 'BODY': -94, 'COMMA': -94, 'EQUAL': -94, 'SLASH': 101, 'SWAP': -94, 'UNDER': -94, '_TOP': -94, '__reference_star_8': 124},  # 99
    {'BODY': -102, 'PLAIN': -102, '_TOP': -102},  # 100
    {'NAME': 62, 'STRING': 64, 'name': 125},  # 101
    {'ARROW': -97, 'AS': -97, 'BODY': -97, 'COMMA': -97, 'EQUAL': -97, 'SLASH': 126, 'SWAP': -97, 'UNDER': -97, '_TOP': -97},  # 102
    {'IDS': 127, 'RGB': 128, 'STAR': 129, 'STRING': 130, '_ids': 131, 'color': 132},  # 103
    {'BODY': -16, 'PLAIN': -16, '_TOP': -16},  # 104
    {'BODY': -17, 'PLAIN': -17, '_TOP': -17},  # 105
    {'NAME': 133, 'attribute': 134},  # 106
    {'BODY': -81, '_TOP': -81},  # 107
    {'BODY': -20, '_TOP': -20},  # 108
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 135},  # 109
    {'BODY': -22, '_TOP': -22},  # 110
    {'IDS': 127, 'RGB': 128, 'STRING': 130, '_ids': 136, 'color': 132},  # 111
    {'BODY': -92, 'PLAIN': -92, '_TOP': -92},  # 112
    {'BODY': -29, 'PLAIN': -29, '_TOP': -29},  # 113
    {'BODY': 53, '_TOP': -108},  # 114
    {'BODY': 19, '_TOP': -112, '__use_star_2': 137},  # 115
    {'BODY': 53, '_TOP': -114},  # 116
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 138},  # 117
    {'BODY': -56, 'COMMA': 139, '_TOP': -56},  # 118
    {'BODY': -60, 'COMMA': 139, '_TOP': -60},  # 119
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 140},  # 120
    {'AS': 141, 'COMMA': 139},  # 121
    {'NAME': 62, 'STRING': 64, 'name': 142},  # 122
    {'BODY': -54, '_TOP': -54},  # 123
    {'ARROW': -95, 'AS': -95, 'BODY': -95, 'COMMA': -95, 'EQUAL': -95, 'SLASH': 126, 'SWAP': -95, 'UNDER': -95, '_TOP': -95},  # 124
    {'ARROW': -23, 'AS': -23, 'BODY': -23, 'COMMA': -23, 'EQUAL': -23, 'SLASH': -23, 'SWAP': -23, 'UNDER': -23, '_TOP': -23},  # 125
    {'NAME': 62, 'STRING': 64, 'name': 143},  # 126
    {'BODY': -38, 'COMMA': 144, 'LSQB': -38, 'PLAIN': -38, '_TOP': -38, '___ids_star_9': 145},  # 127
    {'LPAR': 146},  # 128
    {'BODY': -74, 'PLAIN': -74, '_TOP': -74},  # 129
    {'BODY': -58, 'COMMA': -58, 'LSQB': -58, 'PLAIN': -58, '_TOP': -58},  # 130
    {'BODY': -75, 'PLAIN': -75, '_TOP': -75},  # 131
    {'BODY': -40, 'COMMA': 144, 'LSQB': -40, 'PLAIN': -40, '_TOP': -40, '___ids_star_9': 147},  # 132
    {'COMMA': -49, 'EQUAL': 148, 'RSQB': -49},  # 133
    {'COMMA': 149, 'RSQB': 150, '__attributes_star_10': 151},  # 134
    {'BODY': -93, '_TOP': -93},  # 135
    {'BODY': -90, 'LSQB': 106, 'PLAIN': -90, '_TOP': -90, 'attributes': 152},  # 136
    {'BODY': 53, '_TOP': -113},  # 137
    {'AS': -7, 'BODY': -7, 'COMMA': -7, '_TOP': -7},  # 138
    {'NAME': 62, 'SLASH': 63, 'STRING': 64, 'name': 67, 'reference': 153},  # 139
    {'BODY': -65, '_TOP': -65},  # 140
    {'NAME': 62, 'STRING': 64, 'name': 154},  # 141
    {'BODY': -98, '_TOP': -98},  # 142
    {'ARROW': -24, 'AS': -24, 'BODY': -24, 'COMMA': -24, 'EQUAL': -24, 'SLASH': -24, 'SWAP': -24, 'UNDER': -24, '_TOP': -24},  # 143
    {'IDS': 155, 'RGB': 128, 'STRING': 130, 'color': 156},  # 144
    {'BODY': -39, 'COMMA': 157, 'LSQB': -39, 'PLAIN': -39, '_TOP': -39},  # 145
    {'INT': 158},  # 146
    {'BODY': -41, 'COMMA': 157, 'LSQB': -41, 'PLAIN': -41, '_TOP': -41},  # 147
    {'NAME': 159, 'NUMBER': 160, 'RGB': 161, 'STRING': 162, 'value': 163},  # 148
    {'NAME': 133, 'attribute': 164},  # 149
    {'BODY': -51, 'PLAIN': -51, '_TOP': -51},  # 150
    {'COMMA': 165, 'RSQB': 166},  # 151
    {'BODY': -91, 'PLAIN': -91, '_TOP': -91},  # 152
    {'AS': -8, 'BODY': -8, 'COMMA': -8, '_TOP': -8},  # 153
    {'BODY': -84, '_TOP': -84},  # 154
    {'BODY': -1, 'COMMA': -1, 'LSQB': -1, 'PLAIN': -1, '_TOP': -1},  # 155
    {'BODY': -2, 'COMMA': -2, 'LSQB': -2, 'PLAIN': -2, '_TOP': -2},  # 156
    {'IDS': 167, 'RGB': 128, 'STRING': 130, 'color': 168},  # 157
    {'COMMA': 169},  # 158
    {'COMMA': -117, 'RSQB': -117},  # 159
    {'COMMA': -118, 'RSQB': -118},  # 160
    {'LPAR': 170},  # 161
    {'COMMA': -120, 'RSQB': -120},  # 162
    {'COMMA': -50, 'RSQB': -50},  # 163
    {'COMMA': -5, 'RSQB': -5},  # 164
    {'NAME': 133, 'attribute': 171},  # 165
    {'BODY': -52, 'PLAIN': -52, '_TOP': -52},  # 166
    {'BODY': -3, 'COMMA': -3, 'LSQB': -3, 'PLAIN': -3, '_TOP': -3},  # 167
    {'BODY': -4, 'COMMA': -4, 'LSQB': -4, 'PLAIN': -4, '_TOP': -4},  # 168
    {'INT': 172},  # 169
    {'INT': 173},  # 170
    {'COMMA': -6, 'RSQB': -6},  # 171
    {'COMMA': 174},  # 172
    {'COMMA': 175},  # 173
    {'INT': 176},  # 174
    {'INT': 177},  # 175
    {'RPAR': 178},  # 176
    {'COMMA': 179},  # 177
    {'BODY': -57, 'COMMA': -57, 'LSQB': -57, 'PLAIN': -57, '_TOP': -57},  # 178
    {'INT': 180},  # 179
    {'RPAR': 181},  # 180
    {'COMMA': -119, 'RSQB': -119},  # 181
)
