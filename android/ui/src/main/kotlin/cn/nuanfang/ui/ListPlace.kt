package cn.nuanfang.ui

/** Where a list stands: the first row that is seen, and how much of it is scrolled away, in pixels. A list's own state would keep the window it was drawn in. */
data class ListPlace(val index: Int = 0, val offset: Int = 0)
