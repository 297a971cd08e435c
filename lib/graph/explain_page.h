/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The page of fr_explain_html, line by line: what stands before the graph, and what follows it. tools/page.awk makes
 * explain_page.c from explain.html and the .css and .js files that it names. */
#ifndef FROND_GRAPH_EXPLAIN_PAGE_H
#define FROND_GRAPH_EXPLAIN_PAGE_H

/* Each ends with NULL. */
extern const char *const fr_explain_page_before[], *const fr_explain_page_after[];

#endif
