/* SPDX-FileCopyrightText: 2026 The weir authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of embedded nodes, and the heap of what is due.
 */
#include "worker/base/hash.h"
#include "worker/base/heap.h"
#include "worker/base/list.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these before it */
#include <cmocka.h>

typedef struct item {
    int n;
    weir_list node;
    weir_heap_node due;
} item;

static void a_list_gives_its_nodes_in_order(void **state)
{
    weir_list list;
    item items[3] = { { .n = 0 }, { .n = 1 }, { .n = 2 } };

    (void)state;
    weir_list_init(&list);
    weir_list_push_back(&list, &items[1].node);
    weir_list_push_back(&list, &items[2].node);
    weir_list_push_front(&list, &items[0].node);
    for (int i = 0; i < 3; i++) {
        weir_list *node = weir_list_pop_front(&list);

        assert_int_equal(WEIR_CONTAINER_OF(node, item, node)->n, i);
        weir_list_remove(node); /* harmless on a ring of one */
    }
    assert_null(weir_list_pop_front(&list));
    assert_true(weir_list_is_empty(&list));
}

static void a_heap_gives_the_earliest_first_whatever_was_removed(void **state)
{
    enum { N = 500 };
    static item items[N];
    weir_heap heap = { 0 };
    weir_rand rand;
    size_t left = N;

    (void)state;
    weir_rand_init(&rand, 7);
    assert_null(weir_heap_peek(&heap));
    assert_true(weir_heap_reserve(&heap, N));
    for (size_t i = 0; i < N; i++) {
        items[i].due.at = 0;
        weir_heap_push(&heap, &items[i].due, (int64_t)(weir_rand_next(&rand) % 100));
    }
    for (size_t i = 0; i < N; i += 3) {
        weir_heap_remove(&heap, &items[i].due);
        assert_int_equal(items[i].due.at, 0);
        left--;
    }

    int64_t last = -1;

    while (weir_heap_peek(&heap) != NULL) {
        weir_heap_node *node = weir_heap_peek(&heap);

        assert_true(node->due_us >= last);
        last = node->due_us;
        weir_heap_remove(&heap, node);
        left--;
    }
    assert_int_equal(left, 0);
    weir_heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_gives_its_nodes_in_order),
        cmocka_unit_test(a_heap_gives_the_earliest_first_whatever_was_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
