# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# reference.awk -v form=FORM HEADER...: makes the reference from the comments of the public headers. FORM is
#
#     texinfo   chapters of the manual: one for each header, with a section for each of its "--- Title ---" comments
#     man       the functions by area, for frond(3)
#     names     the functions, one on each line
#     missing   file, line and name of each function without a comment; the exit status is 1 if there is one
#
# It reads the part between FR_BEGIN_DECLS and FR_END_DECLS. The comment before this part opens the chapter; its first
# words are the title. A comment on its own lines describes all declarations that follow it without a blank line. A
# comment behind a declaration describes that declaration and those after it that have no comment. A comment before a
# blank line is text of its section. Macros whose names end in _ are left out.

# --- Text: from comments to Texinfo ---------------------------------------------------------------------------------

# Marks up names, calls, `code` and *emphasis*.
function marked_up(s,    out, word)
{
    gsub(/[@{}]/, "@&", s)
    while (match(s, /`[^`]*`|\*[a-z]+( from X)?\*|(fr_[a-z0-9_]+|FR_[A-Z0-9_]+)(\([^()]*\))?|<frond[a-z\/_]*\.h>/)) {
        word = substr(s, RSTART, RLENGTH)
        out = out substr(s, 1, RSTART - 1)
        s = substr(s, RSTART + RLENGTH)
        if (word ~ /^\*/)
            out = out "@emph{" substr(word, 2, length(word) - 2) "}"
        else if (word ~ /^`/)
            out = out "@code{" substr(word, 2, length(word) - 2) "}"
        else
            out = out "@code{" word "}"
    }
    return out s
}

# Returns a comment's text as Texinfo, without the comment's frame. Lines indented by four more blanks are an example.
function prose(text,    lines, n, i, line, paragraph, out, example)
{
    n = split(text, lines, "\n")
    for (i = 1; i <= n + 1; i++) {
        line = i <= n ? lines[i] : ""
        sub(/^ *\*?/, "", line)
        sub(/ +$/, "", line)
        if (line ~ /^     / || line == "" || example) {
            if (paragraph != "")
                out = out marked_up(paragraph) "\n\n"
            paragraph = ""
        }
        if (line ~ /^     /) {
            if (!example)
                out = out "@smallexample\n"
            example = 1
            line = substr(line, 6)
            gsub(/[@{}]/, "@&", line)
            out = out line "\n"
            continue
        }
        if (example)
            out = out "@end smallexample\n\n"
        example = 0
        sub(/^ +/, "", line)
        paragraph = paragraph (paragraph == "" ? "" : "\n") line
    }
    return out
}

function capital(s)
{
    return toupper(substr(s, 1, 1)) substr(s, 2)
}

# Splits "Title: the rest." or "Title. The rest." into title and rest.
function split_title(text)
{
    gsub(/\n *\*?/, "\n", text)
    sub(/^[ \n]+/, "", text)
    sub(/[ \n]+$/, "", text)
    rest = ""
    title = text
    if (match(text, /[.:]([ \n]|$)/)) {
        title = substr(text, 1, RSTART - 1)
        rest = capital(substr(text, RSTART + RLENGTH))
    }
}

# --- Chapters and sections ------------------------------------------------------------------------------------------

function begin_header()
{
    split_title(text)
    area = title
    gsub(/[,:.()]/, "", area) # Texinfo gives them a meaning in names of nodes
    text = ""
    inside = 1
    if (form == "texinfo")
        printf "@node %s\n@chapter %s\n\n@smallexample\n#include <%s>\n@end smallexample\n\n%s", area, title, \
               substr(FILENAME, index(FILENAME, "frond/")), prose(rest)
    else if (form == "man")
        printf ".SS %s\n", area
}

function begin_section(heading,    node)
{
    gsub(/^[ -]+|[ -]+$/, "", heading)
    split_title(heading)
    end_list()
    if (form == "texinfo") {
        node = area " - " title
        gsub(/[,:.()]/, "", node)
        printf "@node %s\n@section %s\n\n", node, title
        if (rest != "")
            print marked_up(rest) ".\n"
    } else if (form == "man") {
        printf ".TP\n%s\n", title
        started = 1
    }
}

# started, for the list of a section of frond(3): 0 before its heading, 1 after the heading, 2 after the first function.
function end_list()
{
    if (started == 2)
        print ""
    started = 0
}

# --- Declarations ---------------------------------------------------------------------------------------------------

# Returns s as one argument of @deftypefn: braces keep it together.
function argument(s)
{
    gsub(/[@{}]/, "@&", s)
    return "{" s "}"
}

function add(kind, name, type, arguments)
{
    decls++
    d_kind[decls] = kind
    d_name[decls] = name
    d_type[decls] = type
    d_arguments[decls] = arguments
    d_note[decls] = ""
    d_first[decls] = first_member
    d_last[decls] = members
    first_member = members + 1
    if (kind != "Function")
        return
    if (form == "names")
        print name
    if (form == "man") {
        if (!started)
            print ".TP\nFirst of all"
        printf "%s.BR %s ()", started == 2 ? ",\n" : "", name
        started = 2
    }
    where[decls] = FILENAME ":" first_line
}

# Adds a whole declaration; it is in `code` or, if it has members, in `head` and `code`.
function declaration(    name, type)
{
    gsub(/[ \n]+/, " ", code)
    sub(/^ /, "", code)
    sub(/ ?;$/, "", code)
    if (head != "") {
        name = code
        if (head ~ /^struct/)
            name = head
        gsub(/struct|typedef|enum|[ {]/, "", name)
        add(head ~ /enum/ ? "Enumeration" : "Struct", name, "", "")
    } else if (match(code, /fr_[a-z0-9_]+\(/)) {
        name = substr(code, RSTART, RLENGTH - 1)
        type = substr(code, 1, RSTART - 1)
        code = substr(code, RSTART + RLENGTH - 1)
        sub(/\) FR_.*/, ")", code)
        sub(/ $/, "", type)
        if (sub(/^typedef /, "", type))
            add("Function type", name, type, code)
        else
            add("Function", name, type, code)
    } else if (code ~ /^typedef /) {
        name = code
        sub(/^.* \*?/, "", name)
        add("Type", name, "", "")
    }
    head = code = ""
}

function macro(line,    name, arguments)
{
    sub(/^#define /, "", line)
    match(line, /^FR_[A-Z0-9_]+/)
    name = substr(line, 1, RLENGTH)
    line = substr(line, RLENGTH + 1)
    if (!RLENGTH || name ~ /_$/)
        return
    if (line ~ /^\(/)
        arguments = substr(line, 1, index(line, ")"))
    add("Macro", name, "", arguments)
    if (match(line, /\/\*.*\*\//))
        d_note[decls] = substr(line, RSTART + 2, RLENGTH - 4)
}

function member()
{
    gsub(/[ \n]+/, " ", code)
    sub(/^ /, "", code)
    sub(/[ ;,]+$/, "", code)
    if (code != "" && code !~ /^void \*reserved/) {
        m_text[++members] = code
        m_note[members] = ""
        m_lead[members] = lead
        lead = ""
    }
    code = ""
}

function add_code(piece,    i, c)
{
    for (i = 1; i <= length(piece); i++) {
        c = substr(piece, i, 1)
        if (code == "" && c == " ")
            continue
        if (code == "" && head == "")
            first_line = FNR
        if (c == "{") {
            head = code
            code = ""
            depth++
        } else if (c == "}") {
            member()
            depth--
        } else {
            code = code c
            nested += (c == "(") - (c == ")")
            if (c == ";" && !depth)
                declaration()
            else if (depth && (c == ";" || c == "," && head ~ /enum/ && !nested))
                member()
        }
    }
}

function comment_ends()
{
    if (depth && own_line)
        lead = text
    else if (depth)
        m_note[members] = text
    else if (!own_line)
        d_note[decls] = text
    else {
        end_segment()
        if (text ~ /^ ---/)
            begin_section(text)
        else
            segment = text
    }
    text = ""
}

# Cuts a line that is not for the preprocessor into code and comments.
function scan(line,    at, seen_code)
{
    while (line != "") {
        at = index(line, in_comment ? "*/" : "/*")
        piece = at ? substr(line, 1, at - 1) : line
        if (in_comment) {
            text = text piece (at ? "" : "\n")
            if (at)
                comment_ends()
        } else {
            add_code(piece)
            seen_code = seen_code || piece ~ /[^ ]/
            own_line = !seen_code
        }
        if (!at)
            break
        in_comment = !in_comment
        line = substr(line, at + 2)
    }
    if (!in_comment && code != "")
        code = code " "
}

# --- Segments: a comment and the declarations that it describes -----------------------------------------------------

function has_members(i)
{
    return d_kind[i] == "Struct" || d_kind[i] == "Enumeration"
}

function write_heading(i, more)
{
    printf "@deftypefn%s {%s} {%s} %s %s\n", more ? "x" : "", d_kind[i], d_type[i], d_name[i],
           d_arguments[i] == "" ? "" : argument(d_arguments[i])
}

# Writes declarations from..to as one entry, with `comment` or, if that is empty, the comment behind the first one.
function write_entry(from, to, comment,    i, n, notes)
{
    for (i = from; i <= to; i++)
        if (!has_members(i))
            write_heading(i, n++)
    if (!n)
        return
    if (comment == "") {
        printf "%s", prose(d_note[from])
    } else {
        printf "%s", prose(comment)
        for (i = from; i <= to; i++)
            if (!has_members(i) && d_note[i] != "")
                printf "%s@item %s\n%s", notes++ ? "" : "@table @code\n", d_name[i], prose(d_note[i])
        if (notes)
            print "@end table"
    }
    print "@end deftypefn\n"
}

# Writes the constants of an enumeration without a name.
function write_constants(i, comment,    j)
{
    printf "%s", prose(comment)
    for (j = d_first[i]; j <= d_last[i]; j++)
        printf "@deftypevr {Constant} {} {%s}\n%s%s@end deftypevr\n\n", m_text[j], prose(m_lead[j]), prose(m_note[j])
}

# Writes a struct or an enumeration, with a table of its members.
function write_members(i, comment,    j, table)
{
    if (d_name[i] == "") {
        write_constants(i, comment)
        return
    }
    printf "@deftp {%s} %s\n%s%s", d_kind[i], d_name[i], prose(comment), prose(d_note[i])
    for (j = d_first[i]; j <= d_last[i]; j++) {
        if (m_lead[j] != "") {
            printf "%s%s", table ? "@end table\n" : "", prose(m_lead[j])
            table = 0
        }
        if (!table)
            print "@table @code"
        table = 1
        gsub(/[@{}]/, "@&", m_text[j])
        printf "@item %s\n%s", m_text[j], prose(m_note[j])
    }
    if (table)
        print "@end table"
    print "@end deftp\n"
}

function write_segment(    i, from, callables)
{
    for (i = 1; i <= decls; i++)
        callables += !has_members(i)
    if (segment != "" && !decls)
        printf "%s", prose(segment)
    else if (segment != "")
        write_entry(1, decls, segment)
    else
        for (from = i = 1; i <= decls; i++)
            if (i == decls || d_note[i + 1] != "" || has_members(i + 1) || has_members(i)) {
                write_entry(from, i, "")
                from = i + 1
            }
    for (i = 1; i <= decls; i++)
        if (has_members(i))
            write_members(i, callables ? "" : segment)
}

function end_segment(    i, spoken)
{
    spoken = segment != ""
    for (i = 1; i <= decls; i++) {
        if (d_note[i] != "")
            spoken = 1
        if (d_kind[i] == "Function" && !spoken) {
            missing++
            if (form == "missing")
                printf "%s: %s has no comment\n", where[i], d_name[i]
        }
    }
    if (form == "texinfo")
        write_segment()
    segment = ""
    decls = members = 0
    first_member = 1
}

# --- Lines ----------------------------------------------------------------------------------------------------------

FNR == 1 { text = ""; inside = in_comment = 0; first_member = 1 }
/SPDX-License-Identifier|Copyright The frond authors/ { next }
/^FR_BEGIN_DECLS/ { begin_header(); next }
/^FR_END_DECLS/ {
    end_segment()
    end_list()
    inside = 0
    next
}
!inside && !in_comment && /^\/\*/ && text == "" { in_comment = 1; $0 = substr($0, 3) }
!inside && in_comment { # the comment before FR_BEGIN_DECLS
    in_comment = !index($0, "*/")
    sub(/\*\/.*/, "")
    text = text $0 "\n"
    next
}
!inside { next }
in_macro || !in_comment && /^#/ {
    if (!in_macro && /^#define/)
        macro($0)
    in_macro = /\\$/
    next
}
/^$/ && !depth && !in_comment { end_segment(); next }
{ scan($0) }

END { exit form == "missing" && missing > 0 }
