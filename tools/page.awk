# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# page.awk FOLDER/explain.html: writes the page as two arrays of lines, before and after the line "@graph@". Other lines
# "@NAME@" stand for the file of that name beside it.

function put(line,    parts, n, i)
{
    gsub(/\\/, "&&", line)
    n = split(line, parts, "\"")
    printf "    \"%s", parts[1]
    for (i = 2; i <= n; i++)
        printf "\\\"%s", parts[i]
    print "\\n\","
}

BEGIN {
    print "/* Made from explain.html and the files that it names. */"
    print "#include \"graph/explain_page.h\""
    print ""
    print "const char *const fr_explain_page_before[] = {"
}

/^@graph@$/ {
    print "    0,\n};\n\nconst char *const fr_explain_page_after[] = {"
    next
}

/^@.*@$/ {
    file = FILENAME
    sub(/[^\/]*$/, substr($0, 2, length($0) - 2), file)
    while ((got = (getline line < file)) > 0)
        put(line)
    if (got < 0) {
        print file ": cannot be read" > "/dev/stderr"
        exit 1
    }
    next
}

{ put($0) }

END { print "    0,\n};" }
