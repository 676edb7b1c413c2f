"""The words of the page, in English and Chinese."""

from collections.abc import Mapping

Words = Mapping[str, str]

ENGLISH: Words = {
    "title": "What is in this image?",
    "intro": "Drop an image anywhere, paste one, or choose a file.",
    "choose": "Choose an image",
    "photograph": "Take a photo",
    "private": "The image goes to this server only. It is kept in memory and forgotten.",
    "working": "Classifying …",
    "image": "Your image",
    "scores": "Scores",
    "heat_map": "Heat map",
    "heat_map_of": "Bright: what speaks most for {class} (Grad-CAM of {layer})",
    "neighbors": "Nearest images of the index",
    "distance": "distance",
    "result": "{class}, {score}",
    "no_heat_map": (
        "There is no heat map and there are no neighbours: this server runs an exported graph, "
        "which has no gradients."
    ),
    "error_400": "Nothing was sent.",
    "error_413": "This image is too large.",
    "error_415": "This is not an image that can be read.",
    "error_503": "The server is busy. Try again in a second.",
    "error_other": "The server could not classify this image.",
    "error_network": "The server cannot be reached.",
}
CHINESE: Words = {
    "title": "图中是什么？",
    "intro": "把图片拖到页面任意位置，或粘贴图片，或选择文件。",
    "choose": "选择图片",
    "photograph": "拍照",
    "private": "图片只发送到本服务器，只存放在内存中，用完即弃。",
    "working": "正在识别……",
    "image": "你的图片",
    "scores": "得分",
    "heat_map": "热力图",
    "heat_map_of": "亮处最支持“{class}”（{layer} 的 Grad-CAM）",
    "neighbors": "索引中最相近的图片",
    "distance": "距离",
    "result": "{class}，{score}",
    "no_heat_map": "本服务器运行的是导出的计算图，无法求梯度，因此没有热力图和相近图片。",
    "error_400": "没有收到图片。",
    "error_413": "图片太大。",
    "error_415": "无法识别为图片。",
    "error_503": "服务器繁忙，请稍后再试。",
    "error_other": "服务器无法识别这张图片。",
    "error_network": "无法连接服务器。",
}
LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "zh": CHINESE}
